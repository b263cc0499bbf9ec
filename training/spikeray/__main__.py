"""`python -m spikeray`: see commands.py."""

import sys

from .commands import main

sys.exit(main())
