"""Create and revoke the API keys of senders and customers: ``python -m deploy.keys``.

The secret is printed once, on standard output, and stored nowhere; the file holds its hash. The
file is replaced atomically, so a node never reads half of it. Nodes read it again at SIGHUP::

    python -m deploy.keys new --file keys.json --id mailer --scope ingest
    python -m deploy.keys rotate --file keys.json --id mailer    # add a second secret
    python -m deploy.keys retire --file keys.json --id mailer    # revoke the older secret
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

from shared.auth.api_keys import MAX_SECRETS, KeyEntry, encode_key_file, hash_secret, parse_key_file
from shared.errors import ConfigError
from shared.model.scope import Scope

EXIT_REFUSED = 2
_SECRET_BYTES = 32


def new(entries: list[KeyEntry], arguments: argparse.Namespace) -> str:
    """Add a key and return its secret."""
    if any(entry.id == arguments.id for entry in entries):
        raise ConfigError([f"the key {arguments.id} exists already: `rotate` adds a secret to it"])
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    entry = {
        "id": arguments.id,
        "sha256": [hash_secret(secret)],
        "scopes": list(dict.fromkeys(arguments.scope)),
        "events_per_second": arguments.events_per_second,
        "requests_per_second": arguments.requests_per_second,
    }
    entries.append(KeyEntry.model_construct(**entry))
    return secret


def rotate(entries: list[KeyEntry], arguments: argparse.Namespace) -> str:
    """Add a second secret to a key and return it. Both are valid."""
    entry = _entry(entries, arguments.id)
    if len(entry.sha256) >= MAX_SECRETS:
        raise ConfigError(
            [f"{entry.id} has {MAX_SECRETS} secrets already: `retire` the older one first"]
        )
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    entry.sha256.append(hash_secret(secret))
    return secret


def retire(entries: list[KeyEntry], arguments: argparse.Namespace) -> None:
    """Revoke the older of a key's two secrets."""
    entry = _entry(entries, arguments.id)
    if len(entry.sha256) < MAX_SECRETS:
        raise ConfigError([f"{entry.id} has only one secret: `rotate` first, or `remove` the key"])
    del entry.sha256[0]


def remove(entries: list[KeyEntry], arguments: argparse.Namespace) -> None:
    """Remove a key with all its secrets."""
    entries.remove(_entry(entries, arguments.id))


def _entry(entries: list[KeyEntry], name: str) -> KeyEntry:
    for entry in entries:
        if entry.id == name:
            return entry
    raise ConfigError([f"there is no key {name}: `list` shows all"])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock the file against other runs: of two simultaneous changes one would be lost."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, *, may_be_missing: bool) -> list[KeyEntry]:
    try:
        return parse_key_file(path.read_bytes())
    except FileNotFoundError:
        if may_be_missing:
            return []
        raise


def _replace(path: Path, entries: list[KeyEntry]) -> None:
    content = encode_key_file(entries)
    parse_key_file(content)  # never write a file that a node would refuse
    # mkstemp makes the file readable by its owner only.
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
        prog="python -m deploy.keys", description="Create and revoke API keys."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    default_file = os.environ.get("ACCESS_KEYS_FILE")
    for command, description in {
        "new": "create a key and print its secret",
        "rotate": "add a second secret to a key and print it; the first stays valid",
        "retire": "revoke the older of two secrets",
        "remove": "remove a key",
        "list": "print all keys, without their secrets",
    }.items():
        sub = commands.add_parser(command, help=description)
        sub.add_argument(
            "--file",
            type=Path,
            default=default_file,
            required=default_file is None,
            help="the key file (default: ACCESS_KEYS_FILE)",
        )
        if command != "list":
            sub.add_argument("--id", required=True, help="the name of the key")
        if command == "new":
            sub.add_argument(
                "--scope",
                action="append",
                required=True,
                choices=list(Scope),
                type=Scope,
                help="what the key permits; may be repeated",
            )
            for quota in ("--events-per-second", "--requests-per-second"):
                sub.add_argument(quota, type=float, help="its quota in each process of a node")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run the command line *words* and return the exit status."""
    arguments = _arguments(words)
    path: Path = arguments.file.resolve()  # keep a symbolic link; replace its target
    commands = {"new": new, "rotate": rotate, "retire": retire, "remove": remove}
    try:
        if arguments.command == "list":
            for entry in _read(path, may_be_missing=False):
                count = "1 secret" if len(entry.sha256) == 1 else "2 secrets"
                print(entry.id, ",".join(entry.scopes), count)
            return 0
        with _locked(path):
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
        print(
            "This secret is shown only now. Send it as: Authorization: Bearer ...", file=sys.stderr
        )
        print(f"{arguments.id}.{secret}")
    print("Send SIGHUP to the nodes: they read the file again.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
