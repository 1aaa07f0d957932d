"""Make and retire the keys that senders and customers ask with: ``python -m deploy.keys``.

A secret is printed once, on the standard output, and kept nowhere: the file has its hash. The file
is replaced whole, so that a node never reads half of it; nodes read it again at SIGHUP::

    python -m deploy.keys new --file keys.json --id mailer --scope ingest
    python -m deploy.keys rotate --file keys.json --id mailer    # a second secret, beside the first
    python -m deploy.keys retire --file keys.json --id mailer    # the older one is no longer valid
    python -m deploy.keys remove --file keys.json --id mailer
    python -m deploy.keys list --file keys.json
"""

import argparse
import fcntl
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from shared.auth.api_keys import MAX_SECRETS, Entry, Scope, encode_file, hash_secret, parse_file
from shared.errors import ConfigError

EXIT_REFUSED = 2
_SECRET_BYTES = 32


def new(entries: list[Entry], arguments: argparse.Namespace) -> str:
    """Add a key; return its secret."""
    if any(entry.id == arguments.id for entry in entries):
        raise ConfigError([f"there is a key {arguments.id} already; rotate gives it a new secret"])
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    entry = {
        "id": arguments.id,
        "sha256": [hash_secret(secret)],
        "scopes": list(dict.fromkeys(arguments.scope)),
        "events_per_second": arguments.events_per_second,
        "requests_per_second": arguments.requests_per_second,
    }
    entries.append(Entry.model_construct(**entry))
    return secret


def rotate(entries: list[Entry], arguments: argparse.Namespace) -> str:
    """Give a key another secret beside the one that it has; return it."""
    entry = _entry(entries, arguments.id)
    if len(entry.sha256) >= MAX_SECRETS:
        raise ConfigError([f"{entry.id} has {MAX_SECRETS} secrets already; retire the older first"])
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    entry.sha256.append(hash_secret(secret))
    return secret


def retire(entries: list[Entry], arguments: argparse.Namespace) -> None:
    """Take the older of two secrets from a key."""
    entry = _entry(entries, arguments.id)
    if len(entry.sha256) < MAX_SECRETS:
        raise ConfigError([f"{entry.id} has one secret only; rotate first, or remove the key"])
    del entry.sha256[0]


def remove(entries: list[Entry], arguments: argparse.Namespace) -> None:
    """Take a key away."""
    entries.remove(_entry(entries, arguments.id))


def _entry(entries: list[Entry], name: str) -> Entry:
    for entry in entries:
        if entry.id == name:
            return entry
    raise ConfigError([f"there is no key {name}"])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let nobody else change the file meanwhile: two would lose what one of them did."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, *, may_be_missing: bool) -> list[Entry]:
    try:
        return parse_file(path.read_bytes())
    except FileNotFoundError:
        if may_be_missing:
            return []
        raise


def _replace(path: Path, entries: list[Entry]) -> None:
    content = encode_file(entries)
    parse_file(content)  # nothing is written that a node would refuse
    # Readable by its owner alone.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.keys", description="Make and retire keys."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    found = os.environ.get("ACCESS_KEYS_FILE")
    for command, words_of_it in {
        "new": "make a key and print its secret",
        "rotate": "print a second secret of a key; the first stays valid",
        "retire": "end the older of two secrets",
        "remove": "end a key",
        "list": "say which keys there are",
    }.items():
        sub = commands.add_parser(command, help=words_of_it)
        sub.add_argument(
            "--file",
            type=Path,
            default=found,
            required=found is None,
            help="the key file; by itself ACCESS_KEYS_FILE",
        )
        if command != "list":
            sub.add_argument("--id", required=True, help="what the key is called")
        if command == "new":
            sub.add_argument(
                "--scope",
                action="append",
                required=True,
                choices=list(Scope),
                type=Scope,
                help="what it is good for; repeatable",
            )
            for quota in ("--events-per-second", "--requests-per-second"):
                sub.add_argument(quota, type=float, help="its quota on each process of a node")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Do what *words* say; return the exit status."""
    arguments = _arguments(words)
    path: Path = arguments.file.resolve()  # a link stays one
    commands = {"new": new, "rotate": rotate, "retire": retire, "remove": remove}
    try:
        if arguments.command == "list":
            for entry in _read(path, may_be_missing=False):
                secrets_of_it = "1 secret" if len(entry.sha256) == 1 else "2 secrets"
                print(entry.id, ",".join(entry.scopes), secrets_of_it)
            return 0
        with _alone(path):
            entries = _read(path, may_be_missing=arguments.command == "new")
            secret = commands[arguments.command](entries, arguments)
            _replace(path, entries)
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return EXIT_REFUSED
    except ConfigError as error:
        for problem in error.problems:
            print(f"{path}: {problem}", file=sys.stderr)
        return EXIT_REFUSED
    if secret is not None:
        print("Shown once. Send it as Authorization: Bearer ...", file=sys.stderr)
        print(f"{arguments.id}.{secret}")
    print("Nodes read the file again at SIGHUP.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
