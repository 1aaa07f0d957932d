"""Our verdicts on domains beside the URL standard's, with a reason for every difference.

``url_host`` follows "domain to ASCII" and the host parser of https://url.spec.whatwg.org/ (3.3 and
3.5) with the tables of ``idna`` for UTS 46: no check of lengths and hyphens, symbols are permitted.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import idna
import pytest

from shared.errors import InvalidDomainError
from shared.model.domain import parse_domain
from shared.problems import Problem
from tests.unit.shared.model.domain_corpus import CURATED, MADE_UP, made_up

FORBIDDEN = frozenset(map(chr, range(0x21))) | frozenset("#%/:<>?@[\\]^|\x7f")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
PUNYCODE = "xn--"


def url_host(text: str) -> str | None:
    """Return the host of a URL with *text* as its host, or None if that is not a domain."""
    try:
        mapped = unicodedata.normalize("NFC", idna.uts46_remap(text, std3_rules=False))
        labels = [_label(label) for label in mapped.split(".")]
    except ValueError:  # a UnicodeError, or the neighbour of a joiner has no name
        return None
    host = ".".join(labels)
    if not host or FORBIDDEN & set(host):
        return None
    last = host.removesuffix(".").rpartition(".")[2]
    return None if NUMBER.fullmatch(last) else host  # it ends in a number: an IPv4 address


def _label(label: str) -> str:
    if label.startswith(PUNYCODE):
        text = label[4:].encode("ascii").decode("punycode")
        if text.isascii() or PUNYCODE + text.encode("punycode").decode() != label:
            raise UnicodeError
        _check(text)
        return label
    if label.isascii():
        return label
    _check(label)
    return PUNYCODE + label.encode("punycode").decode("ascii")


def _check(label: str) -> None:
    """Raise UnicodeError unless *label* meets the validity criteria (UTS 46, 4.1)."""
    if label.startswith(PUNYCODE) or unicodedata.category(label[0]).startswith("M"):
        raise UnicodeError
    for position, character in enumerate(label):
        if character in "\u200c\u200d":
            if not idna.valid_contextj(label, position):
                raise UnicodeError
        elif idna.uts46_remap(character, std3_rules=False) != character:
            raise UnicodeError
    if unicodedata.normalize("NFC", label) != label:
        raise UnicodeError
    idna.check_bidi(label)


@dataclass(frozen=True, slots=True)
class Difference:
    """A class of texts on which we disagree, and why we are content with that."""

    label: str
    reason: str
    explains: Callable[[str, str | None, str], bool]
    """Whether it explains that *text* has our name or our code, and their host."""


def _refused(*problems: Problem) -> Callable[[str, str | None, str], bool]:
    codes = {problem.code for problem in problems}
    return lambda _, theirs, ours: theirs is not None and ours in codes


DIFFERENCES = [
    Difference(
        "not_a_host_name",
        "A host of a URL may have an underscore or another ASCII character; a host that takes mail "
        "has letters, digits and hyphens (RFC 1123, 2.1).",
        _refused(Problem.FORBIDDEN_CHARACTER),
    ),
    Difference(
        "lengths_and_edges",
        "The standard checks neither lengths nor empty labels nor hyphens at the edges, which DNS "
        "and host names do not have.",
        _refused(
            *(Problem.DOMAIN_TOO_LONG, Problem.EMPTY_LABEL, Problem.EMPTY_DOMAIN),
            *(Problem.LABEL_TOO_LONG, Problem.HYPHEN_AT_EDGE),
        ),
    ),
    Difference(
        "not_a_mail_domain",
        "A URL may name a host of the local network, or a top level that no registry has.",
        _refused(Problem.SINGLE_LABEL, Problem.NUMERIC_LAST_LABEL, Problem.IP_ADDRESS),
    ),
    Difference(
        "hexadecimal_at_the_end",
        "A host that ends in a number must be an address in a URL; in DNS it may be a name.",
        lambda _, theirs, ours: theirs is None and re.search(r"\.0x[0-9a-f]*$", ours) is not None,
    ),
    Difference(
        "a_text_that_idna_does_not_permit",
        "As a text we take what IDNA 2008 permits, so that one text has one A-label in every "
        "program; what a registry has sold comes as an A-label.",
        lambda text, theirs, ours: (
            theirs is not None and not text.isascii() and ours == Problem.BAD_IDNA_LABEL.code
        ),
    ),
]
TRAILING_DOT = "trailing_dot"  # a URL keeps it, so that it names another host


def ours(text: str) -> str:
    """Return our name, or the code of our refusal."""
    try:
        return parse_domain(text)
    except InvalidDomainError as error:
        return error.problem.code


def explanations(text: str) -> set[str]:
    """Return the classes that explain why the results for *text* differ; none if they agree."""
    we, theirs = ours(text), url_host(text)
    if we == theirs or (theirs is None and "." not in we):
        return set()
    if theirs is not None and theirs.removesuffix(".") == we:
        return {TRAILING_DOT}
    found = {known.label for known in DIFFERENCES if known.explains(text, theirs, we)}
    assert found, f"{text!a}: {we} but the URL standard: {theirs}"
    return found


def test_every_difference_from_the_url_standard_has_a_reason() -> None:
    """We take no name that a URL could not have, and refuse more; every class is needed."""
    met: set[str] = set()
    agreed = accepted = 0
    for text in [*CURATED, *made_up()]:
        found = explanations(text)
        met |= found
        agreed += not found
        accepted += not found and "." in ours(text)
    assert met == {known.label for known in DIFFERENCES} | {TRAILING_DOT}
    assert agreed > MADE_UP / 3
    assert accepted > MADE_UP / 10


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.COM", "example.com"),
        ("xn--53h1310o.ws", "xn--53h1310o.ws"),
        ("☃.net", "xn--n3h.net"),
        ("xn--bcher-2pa.de", None),
        ("xn--a.com", None),
        ("a b.com", None),
        ("a_b.com", "a_b.com"),
        ("1.2.3.4", None),
        ("0x7f.1", None),
        ("faß.de", "xn--fa-hia.de"),
    ],
    ids=ascii,
)
def test_the_comparison_follows_the_standard(text: str, host: str | None) -> None:
    """Hosts as browsers show them; an address is not a domain."""
    assert url_host(text) == host
