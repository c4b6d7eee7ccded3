"""``python -m holdfast``: the command line. The folder one stands in is never imported from."""

import os
import sys

if __name__ == "__main__":
    # python -m puts the current folder first; a file there called sklearn.py must not become a library
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
    from holdfast.cli.main import run

    run()
