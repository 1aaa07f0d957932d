"""What an adapter gets and returns: the request of a mail provider, and the reports in it. Pure.

Each provider has one adapter: it proves that the provider sent the request, and reads the reports.
``read_events`` then decides which of them are events.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from shared.errors import InputError, InvalidDomainError
from shared.model.domain import parse_domain
from shared.model.event import Event, EventKind
from shared.model.verdict import Report, Verdict, domain_of, judge
from shared.problems import Problem

T = TypeVar("T")

_KINDS = {Verdict.DELIVERED: EventKind.DELIVERED, Verdict.BOUNCED: EventKind.BOUNCED}


class Webhook(NamedTuple):
    """A request of a provider."""

    body: bytes
    headers: Mapping[str, str]
    """Their names are found in any case."""
    now: float
    """When it arrived, in seconds since 1970."""


class Item(NamedTuple):
    """A report, and what the provider identifies it by."""

    report: Report
    id: str
    """Together with the recipient it is unique at the provider, and the same in each retry."""


@dataclass(frozen=True, slots=True)
class Token:
    """What the provider signed instead of the body: it proves one body only."""

    text: str
    signed_at: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a proven request contains."""

    items: list[Item] = field(default_factory=list)
    token: Token | None = None
    """None: the signature covers the body."""
    confirm_url: str | None = None
    """Where to confirm a subscription that the provider is asked for."""


class CertificateNeededError(Exception):
    """The adapter needs the certificate at *url*; *read_with* it (PEM) is ``Adapter.read``."""

    def __init__(self, url: str, read_with: Callable[[bytes], Reading]) -> None:
        super().__init__(url)
        self.url = url
        self.read_with = read_with


class Adapter(Protocol):
    """The rules of one provider."""

    challenge: str
    """How to authenticate: the ``WWW-Authenticate`` of a refusal (RFC 9110, 11.6.1)."""

    def read(self, webhook: Webhook) -> Reading:
        """Return the reports of *webhook*.

        Raises InputError: ``UNPROVEN_ORIGIN`` or ``STALE_WEBHOOK`` unless the provider sent it and
        lately; ``MALFORMED_JSON`` if it has another form than the provider's.
        """


def decode(body: bytes, form: type[T]) -> T:
    """Return *body* as *form*; fields that *form* does not name are ignored. Raises InputError."""
    try:
        return msgspec.json.decode(body, type=form)
    # RecursionError: an ignored field holds arrays in arrays, thousands deep.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            Problem.MALFORMED_JSON, part="body", form="value in the form of this provider"
        ) from error


def read_events(provider: str, items: Iterable[Item]) -> Iterator[tuple[Verdict, Event | None]]:
    """Yield the verdict on each item of *provider*, and its event if it is one.

    The idempotency key is a hash of what identifies the report: ids of providers may be long, and
    two providers may use the same.
    """
    for report, name in items:
        verdict = judge(report)
        kind = _KINDS.get(verdict)
        if kind is None:
            yield verdict, None
            continue
        try:
            domain = parse_domain(domain_of(report.recipient))
        except InvalidDomainError:
            yield Verdict.NOTHING, None  # user@[192.0.2.1], for example
            continue
        yield verdict, Event(domain, kind, 1, _key(provider, name, report.recipient, kind))


def _key(provider: str, *parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()
    return f"{provider}-{urlsafe_b64encode(digest).decode().rstrip('=')}"
