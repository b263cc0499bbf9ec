"""What the rows of deploy/test-chaos.sh share beside what those of deploy/test-load.sh and deploy/test-audit.sh do."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("load", "audit")]
from common import BIN, CLEAN, ROOT, SCRATCH, Server, read_all, row, status  # noqa: E402, F401 - the rows take them from here
from journal import PACE, PICTURES, chain, header, spikeray  # noqa: E402, F401


def setting(name, whole):
    """A number that a variable of deploy/test-chaos.sh says, such as a duration in seconds."""
    return type(whole)(os.environ.get(name, whole))
