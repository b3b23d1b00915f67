"""`python -m crossbar`."""

import sys

from crossbar.command_line import main

if __name__ == "__main__":
    sys.exit(main())
