"""The modules here import one another by their bare names: as scripts, and as `python3 -m analysis.report`."""
import sys

sys.path.insert(0, __path__[0])
