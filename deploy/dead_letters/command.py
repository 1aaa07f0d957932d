"""List dead letters and send them again: ``python -m deploy.dead_letters list|show|replay``.

A replay sends the original key and value to the topic of events. It sends each dead letter once,
even if it is run several times or at the same time by several people: marks in the topic of dead
letters record what was sent (``ledger.py``). If a replay is killed, or Kafka does not answer, up
to 100 dead letters stay *in doubt*: they may or may not have been sent. Only ``--in-doubt`` sends
these again. Use it after you have checked that none of them was counted.

Exit status: 0 done; 1 it could not continue, or dead letters are in doubt; 2 the command line or
the environment is wrong.
"""

import argparse
from collections.abc import Sequence

from deploy.dead_letters.ledger import Ledger, State, select
from deploy.dead_letters.reader import LedgerReader, open_ledger
from deploy.dead_letters.replay import Replay
from deploy.dead_letters.text import details, summary
from shared.config import EnvironmentReader, KafkaConfig
from shared.errors import PipelineError
from shared.kafka.topic import open_topic

DEFAULT_LIMIT = 1_000


async def run(arguments: argparse.Namespace, config: KafkaConfig) -> None:
    """Run the command that *arguments* name. Raises PipelineError."""
    async with open_ledger(config) as reader:
        match arguments.command:
            case "list":
                _list(reader.ledger, arguments.limit)
            case "show":
                letter = reader.ledger.at(arguments.offset)
                if letter is None:
                    raise PipelineError(
                        f"there is no dead letter at offset {arguments.offset}: `list` shows all"
                    )
                print(details(letter))
            case _:
                await _replay(arguments, config, reader)


def _list(ledger: Ledger, limit: int) -> None:
    letters = list(ledger)
    for letter in letters[-limit:]:
        print(summary(letter))
    counts = ", ".join(f"{sum(x.state is state for x in letters)} {state}" for state in State)
    print(f"{_count(len(letters))}: {counts}; {len(ledger.unreadable)} unreadable records")


async def _replay(arguments: argparse.Namespace, config: KafkaConfig, reader: LedgerReader) -> None:
    selected = select(
        reader.ledger,
        arguments.limit,
        offsets=frozenset(arguments.offset),
        in_doubt=arguments.in_doubt,
        undecodable=arguments.undecodable,
    )
    if arguments.dry_run:
        for letter in selected:
            print(summary(letter))
        print(f"would send {_count(len(selected))} to {config.topic}")
        return
    async with (
        open_topic(config, config.topic) as events,
        open_topic(config, config.dead_letter_topic) as marks,
    ):
        replay = Replay(reader, events, marks)
        try:
            await replay.send(selected)
        finally:
            print(f"sent {len(replay.sent)} of {_count(len(selected))} to {config.topic}")
    if replay.in_doubt:
        raise PipelineError(
            f"Kafka did not answer for {_count(len(replay.in_doubt))}, now in doubt: check whether "
            "their events were counted; if not, send them with `replay --in-doubt`"
        )


def _count(number: int) -> str:
    return f"{number} dead letter{'' if number == 1 else 's'}"


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exit with status 2 and the usage if it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.dead_letters", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="print the newest dead letters, one per line")
    listing.add_argument("--limit", type=_positive, default=DEFAULT_LIMIT)
    show = commands.add_parser("show", help="print everything about one dead letter")
    show.add_argument("offset", type=int, help="its offset in the topic of dead letters")
    replay = commands.add_parser("replay", help="send dead letters again, the oldest first")
    replay.add_argument("offset", type=int, nargs="*", help="send only those at these offsets")
    replay.add_argument("--limit", type=_positive, default=DEFAULT_LIMIT)
    replay.add_argument("--dry-run", action="store_true", help="print them, send nothing")
    replay.add_argument("--in-doubt", action="store_true", help="include those in doubt")
    replay.add_argument(
        "--undecodable", action="store_true", help="include those this version cannot decode"
    )
    return parser.parse_args(words)


def read_config(read: EnvironmentReader) -> KafkaConfig:
    """Read the environment; *read* collects the problems."""
    return read(KafkaConfig)
