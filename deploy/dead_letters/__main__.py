"""Run ``python -m deploy.dead_letters``; ``command.py`` describes it."""

import sys
from functools import partial

from deploy.dead_letters.command import parse_arguments, read_config, run
from shared.runtime.lifecycle import main

if __name__ == "__main__":
    main("dead-letters", read_config, partial(run, parse_arguments(sys.argv[1:])))
