"""The command ``catchall``: report events to the service, look domains up, follow, export."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from client.client import INGEST_URL, PATIENCE_SECONDS, QUERY_URL, CatchallClient, open_client
from client.commands.export import export
from client.commands.look_up import look_up
from client.commands.output import say
from client.commands.send import send
from client.commands.ship import FORMATS, ship
from client.commands.watch import watch
from client.errors import CatchallError

_STATUSES = ("catch-all", "not catch-all", "unknown")
_EPILOG = """
environment: CATCHALL_INGEST_URL, CATCHALL_QUERY_URL, CATCHALL_API_KEY (<id>.<secret>),
CATCHALL_CA_FILE (certificates to trust)
"""


def main() -> None:
    """Run the command of the arguments and exit: 0 all good, 1 not all, 2 wrong usage."""
    options = _parser().parse_args()
    try:
        sys.exit(asyncio.run(_run(options)))
    except BrokenPipeError:
        # The reader of the output has enough. Python flushes the output at its end: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (CatchallError, ValueError, OSError) as error:
        say(f"catchall: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


async def _run(options: argparse.Namespace) -> int:
    async with open_client(
        options.ingest,
        options.query,
        api_key=os.environ.get("CATCHALL_API_KEY"),
        ca_file=os.environ.get("CATCHALL_CA_FILE"),
        patience_seconds=options.patience,
    ) as client:
        return await _command(client, options)


async def _command(client: CatchallClient, options: argparse.Namespace) -> int:
    match options.command:
        case "send":
            return await send(client, options.format)
        case "ship":
            return await ship(
                client, options.format, options.file, options.position, follow=options.follow
            )
        case "get":
            return await look_up(client, options.domains)
        case "watch":
            return await watch(client, options.status, options.after)
        case _:
            return await export(client, options.status, options.format, options.cursor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="catchall", description=__doc__, epilog=_EPILOG)
    environment = os.environ.get
    parser.add_argument(
        "--ingest", default=environment("CATCHALL_INGEST_URL", INGEST_URL), metavar="URL"
    )
    parser.add_argument(
        "--query", default=environment("CATCHALL_QUERY_URL", QUERY_URL), metavar="URL"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_SECONDS,
        metavar="SECONDS",
        help="try again so long while the service is full or away (default: %(default)g)",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    reporting = commands.add_parser("send", help="report the events on standard input")
    reporting.add_argument(
        "--format",
        choices=("ndjson", "csv"),
        default="ndjson",
        help='lines like {"domain": "example.com", "event": "delivered"}, or rows like'
        " example.com,delivered; both may have a count and an id",
    )

    shipping = commands.add_parser("ship", help="report what the log of a mail system proves")
    shipping.add_argument("--format", choices=FORMATS, required=True)
    shipping.add_argument("file", metavar="FILE", help="- for standard input")
    shipping.add_argument("--follow", action="store_true", help="wait for more, across rotations")
    shipping.add_argument(
        "--position",
        type=Path,
        metavar="FILE",
        help="where it stores how far it is (default: FILE.catchall-position)",
    )

    looking = commands.add_parser("get", help="look domains up")
    looking.add_argument("domains", nargs="+", metavar="DOMAIN", help="- for standard input")

    watching = commands.add_parser("watch", help="follow the changes of status")
    watching.add_argument("--status", choices=_STATUSES)
    watching.add_argument("--after", default="", metavar="ID", help="continue after this id")

    exporting = commands.add_parser("export", help="download all domains")
    exporting.add_argument("--status", choices=_STATUSES)
    exporting.add_argument("--format", choices=("ndjson", "csv"), default="ndjson")
    exporting.add_argument("--cursor", metavar="DOMAIN", help="continue after this domain")
    return parser


if __name__ == "__main__":
    main()
