"""Our verdicts on domains beside email-validator's, with a reason for every difference.

A verdict is a name or a refusal; where the
two disagree, exactly the classes below may be why.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import email_validator
import idna
import pytest
from email_validator.syntax import validate_email_domain_name

from shared.errors import InvalidDomainError
from shared.model.domain import parse_domain
from shared.problems import Problem
from tests.unit.shared.model.domain_corpus import CURATED, DOTS, JOINERS, MADE_UP, decoded, made_up


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one side: a name, or the reason for none."""

    name: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A class of texts on which we disagree, and why we are content with that."""

    label: str
    reason: str
    explains: Callable[[str, Verdict, Verdict], bool]


def ours(text: str) -> Verdict:
    """Return our result."""
    try:
        return Verdict(parse_domain(text))
    except InvalidDomainError as error:
        return Verdict(None, error.problem.code)


def theirs(text: str) -> Verdict:
    """Return the result of email-validator for *text*, without DNS."""
    try:
        return Verdict(validate_email_domain_name(text)["ascii_domain"])
    except email_validator.EmailSyntaxError as error:
        return Verdict(None, str(error))


def is_special_use(name: str) -> bool:
    """Whether *name* is, or lies below, one that email-validator refuses."""
    return any(f".{name}".endswith(f".{top}") for top in email_validator.SPECIAL_USE_DOMAIN_NAMES)


def is_mixed_bidi(name: str) -> bool:
    """Whether a label breaks the Bidi rule only because another is right-to-left."""
    labels = decoded(name).split(".")
    return any(_fails_bidi(label) for label in labels)


def _has_symbols(name: str) -> bool:
    """Whether IDNA 2008 refuses an A-label of *name*."""
    for label in name.split("."):
        if not label.startswith("xn--"):
            continue
        try:
            idna.ulabel(label)
        except idna.IDNAError:
            return True
    return False


def _fails_bidi(label: str) -> bool:
    try:
        idna.check_bidi(label, check_ltr=True)
    except idna.IDNABidiError:
        return True
    return False


DIFFERENCES = [
    Difference(
        "special_use",
        "An operator may count what goes to example.test or to a .local of his own; whether "
        "a name is deliverable is what the counters find out.",
        lambda _, we, they: (
            we.name is not None and is_special_use(we.name) and "special-use" in they.why
        ),
    ),
    Difference(
        "digit_at_the_end",
        "They want the last character to be a letter; RFC 3696 wants the last label not to be "
        "all digits, and an A-label may well end with one.",
        lambda _, we, they: (
            we.name is not None and we.name[-1].isdigit() and "top-level domain" in they.why
        ),
    ),
    Difference(
        "hexadecimal_address",
        "inet_aton reads 1.0xf as an address, so do many resolvers; they know dotted decimals.",
        lambda _, we, they: (
            we.why == Problem.IP_ADDRESS.code
            and they.name is not None
            and re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){1,3}", they.name)
            is not None
        ),
    ),
    Difference(
        "invisible_letter_or_mark",
        "Mapping drops variation selectors and fillers without a word; we refuse whatever "
        "shows nothing, they only what Unicode files under format or control.",
        lambda text, we, they: (
            we.why == Problem.FORBIDDEN_CHARACTER.code
            and they.name is not None
            and any(not idna.uts46_remap(character, std3_rules=False) for character in text)
        ),
    ),
    Difference(
        "mark_that_maps_to_a_letter",
        "A name must not start with a combining mark, but UTS 46 makes a letter of one of them "
        "(the iota subscript); they look before mapping, we after.",
        lambda text, we, they: (
            we.name is not None
            and unicodedata.category(text[0]) == "Mn"
            and unicodedata.category(decoded(we.name)[0]) == "Ll"
            and "unsafe" in they.why
        ),
    ),
    Difference(
        "joiner_in_an_a_label",
        "IDNA 2008 allows a joiner between certain letters (RFC 5892, A.1 and A.2), so the "
        "A-label is a valid name that mail goes to; only the invisible form is refused.",
        lambda _, we, they: (
            we.name is not None
            and not JOINERS.isdisjoint(decoded(we.name))
            and "unsafe" in they.why
        ),
    ),
    Difference(
        "symbols_in_an_a_label",
        "They follow IDNA 2008, which permits letters and digits; registries sell symbols, and "
        "the A-label is a name in DNS that mail goes to.",
        lambda _, we, they: we.name is not None and _has_symbols(we.name) and they.name is None,
    ),
    Difference(
        "hyphens_in_third_and_fourth_place",
        "They reserve them for future prefixes; names such as r3---sn-x.googlevideo.com exist.",
        lambda _, we, they: (
            we.name is not None
            and any(label[2:4] == "--" and label[:2] != "xn" for label in we.name.split("."))
            and "followed by two dashes" in they.why
        ),
    ),
    Difference(
        "bidi_across_labels",
        "The Bidi rule for a whole name (RFC 5893, section 1.4) is about how it is displayed; "
        "each label is valid, DNS has the name, and answers carry it in ASCII.",
        lambda _, we, they: (
            we.name is not None
            and is_mixed_bidi(we.name)
            and not _has_symbols(we.name)
            and "not valid IDNA" in they.why
        ),
    ),
]
TRAILING_DOT = "trailing_dot"  # the root's dot is part of a name's spelling, not of a mail address


def explanations(text: str) -> set[str]:
    """Return the classes that explain why the results for *text* differ; none if they agree.

    Two names for one text, or a difference without a class, fail.
    """
    we, they = ours(text), theirs(text)
    if we.name == they.name:
        return set()
    assert we.name is None or they.name is None, f"{text!a}: two names, {we} and {they}"
    if text.endswith(DOTS):
        return {TRAILING_DOT} | explanations(text[:-1])
    found = {known.label for known in DIFFERENCES if known.explains(text, we, they)}
    assert found, f"{text!a}: {we} but email-validator: {they}"
    return found


def test_every_difference_from_email_validator_has_a_reason() -> None:
    """On the whole corpus we agree, or a listed class explains it; every class is needed."""
    met: set[str] = set()
    agreed = accepted = 0
    for text in [*CURATED, *made_up()]:
        found = explanations(text)
        met |= found
        if not found:
            agreed += 1
            accepted += ours(text).name is not None
    assert met == {known.label for known in DIFFERENCES} | {TRAILING_DOT}
    # A corpus that is all refused, or all different, would compare nothing.
    assert agreed > MADE_UP / 2
    assert accepted > MADE_UP / 10


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("example.com.", TRAILING_DOT),
        ("example.test", "special_use"),
        ("example.c0m1", "digit_at_the_end"),
        ("1.0x7f", "hexadecimal_address"),
        ("a\N{VARIATION SELECTOR-16}b.com", "invisible_letter_or_mark"),
        ("\N{COMBINING GREEK YPOGEGRAMMENI}.com", "mark_that_maps_to_a_letter"),
        ("xn--mgba3gch31f060k.com", "joiner_in_an_a_label"),
        ("1.xn--4dbc.com", "bidi_across_labels"),
        ("xn--53h1310o.ws", "symbols_in_an_a_label"),
        ("r3---sn-x.example.com", "hyphens_in_third_and_fourth_place"),
    ],
    ids=ascii,
)
def test_each_difference_is_as_described(text: str, label: str) -> None:
    """One example of each class is explained by that class alone."""
    assert explanations(text) == {label}
