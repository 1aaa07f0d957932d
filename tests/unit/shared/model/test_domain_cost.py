"""The cost of parsing a domain is bounded, for any text."""

import time
from typing import Never

import idna
import pytest

from shared.errors import InvalidDomainError
from shared.model.domain import parse_domain
from shared.problems import Problem
from tests.unit.shared.model.domain_corpus import TEN_KILOBYTES


class Untouchable:
    """Stands in for a module that must not be used."""

    def __getattr__(self, name: str) -> Never:
        raise AssertionError(f"idna.{name} was used")


def refusal(text: str) -> InvalidDomainError:
    """Return how *text* is refused."""
    with pytest.raises(InvalidDomainError) as caught:
        parse_domain(text)
    return caught.value


@pytest.mark.parametrize(
    "text", ["a." * 126 + "aä", *TEN_KILOBYTES], ids=lambda value: ascii(value[:6])
)
def test_a_text_that_is_too_long_is_refused_unread(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the length is looked at, so the cost does not grow with the input."""
    monkeypatch.setattr("shared.model.domain.idna", Untouchable())
    monkeypatch.setattr("shared.model.domain.unicodedata", Untouchable())
    assert refusal(text).problem is Problem.DOMAIN_TOO_LONG


def test_a_plain_name_needs_no_idna(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nearly every name is takes the short way."""
    monkeypatch.setattr("shared.model.domain.idna", Untouchable())
    assert parse_domain("Mail.Example-1.COM.") == "mail.example-1.com"


def test_idna_never_sees_a_long_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes time quadratic in the length is only done to 63 characters."""
    seen = []
    encode = idna.alabel

    def record(label: str) -> bytes:
        seen.append(label)
        return encode(label)

    monkeypatch.setattr("shared.model.domain.idna.alabel", record)
    for length in (59, 63, 64, 240):
        for label in (
            "例" * length,
            "xn--" + "z" * (length - 4),
            "\N{SQUARE MANSYON}" * (length // 5),
        ):
            refusal(label + ".jp")
    assert seen
    assert max(map(len, seen)) == 63


@pytest.mark.parametrize("text", TEN_KILOBYTES, ids=lambda value: ascii(value[:6]))
def test_ten_kilobytes_are_refused_within_a_millisecond(text: str) -> None:
    """A long input costs microseconds; the best of many runs is the undisturbed time."""
    took = []
    for _ in range(20):
        start = time.perf_counter()
        refusal(text)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.001
