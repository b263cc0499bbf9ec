"""The gate: a small network that says whether a picture is a frontal chest radiograph at all. docs/GATE.md."""
