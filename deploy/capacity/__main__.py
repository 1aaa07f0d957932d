"""Run ``python -m deploy.capacity``; ``command.py`` describes it."""

import sys

from deploy.capacity.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
