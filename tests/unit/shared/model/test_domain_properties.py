"""What holds of every domain and every text, tried on texts that hypothesis makes up."""

# ruff: noqa: RUF001 - characters that look alike are among what is made up
import re

import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import InvalidDomainError
from shared.model import domain as domain_module
from shared.model.domain import DOMAIN_PROBLEMS, DomainName, parse_domain
from shared.problems import Problem
from tests.unit.shared.model.domain_corpus import DOTS, JOINERS, decoded

KEY = re.compile(
    r"(?=.{1,253}\Z)"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?=[^.]*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

ALPHABETS = [
    "abcäöüßéçñøåæœ",
    "абвгдежзийклмноп",
    "αβγδεζηθικλμς",
    "אבגדהוזחט",
    "ابپتثجچ\N{ZERO WIDTH NON-JOINER}٠١٢",
    "कखगघ्ि\N{ZERO WIDTH JOINER}",
    "例えばドメインー・",
    "한국어도메인ᄒ",
    "ｅｘａｍｐｌｅ１２３－",
    "a\N{COMBINING DIAERESIS}\N{COMBINING ACUTE ACCENT}\N{COMBINING CEDILLA}",
]

plain_labels = st.text(LETTERS + "019-", min_size=1, max_size=63).map(
    lambda text: text.strip("-").replace("--", "-x") or "0"
)
top_labels = st.text(LETTERS, min_size=1, max_size=63)
unicode_labels = st.sampled_from(ALPHABETS).flatmap(
    lambda alphabet: st.text(alphabet, min_size=1, max_size=20)
)
awkward_labels = st.one_of(
    st.integers(0, 65).map(lambda length: "a" * length),
    st.integers(0, 65).map(lambda length: "7" * length),
    st.text("ab-", max_size=6),
    st.text("0123456789xabcdef", max_size=6),
    st.text("abc0189-", max_size=12).map("xn--".__add__),
    unicode_labels.map(lambda label: "xn--" + label.encode("punycode").decode("ascii")),
    st.text(max_size=8),
)


def joined(labels: st.SearchStrategy[str], longest: int = 6) -> st.SearchStrategy[str]:
    """Names of several labels between dots of any kind, with or without one at the end."""
    return st.builds(
        lambda parts, dot, top: dot.join(parts) + "." + top,
        st.lists(labels, min_size=1, max_size=longest),
        st.sampled_from(DOTS),
        top_labels | labels | st.just("") | st.just("com."),
    )


ascii_names = st.builds(
    lambda labels, top: ".".join([*labels, top])[-253:].lstrip(".-"),
    st.lists(plain_labels, min_size=1, max_size=8),
    top_labels,
)
texts = st.one_of(
    ascii_names,
    joined(plain_labels),
    joined(unicode_labels),
    joined(awkward_labels | plain_labels | unicode_labels),
    st.text(st.characters(), max_size=300),  # surrogates and controls included
    st.text("aA1.-_x\N{ZERO WIDTH SPACE}\N{SOFT HYPHEN}\0\ud800", max_size=300),
)


def parsed(text: str) -> DomainName | None:
    """Return the domain of *text*, or None if it is refused."""
    try:
        return parse_domain(text)
    except InvalidDomainError:
        return None


@settings(max_examples=400)
@given(texts)
@example("\ud800")
@example("\0")
def test_any_text_is_refused_or_becomes_a_key(text: str) -> None:
    """Any text raises no other error, and the error's message is harmless."""
    try:
        name = parse_domain(text)
    except InvalidDomainError as error:
        refused = error
    else:
        assert KEY.fullmatch(name)
        return
    assert refused.problem in DOMAIN_PROBLEMS
    assert str(refused).isascii()
    assert str(refused).isprintable()
    assert len(str(refused)) <= 180


@settings(max_examples=400)
@given(texts)
def test_parsing_twice_changes_nothing(text: str) -> None:
    """The name of a domain names that domain."""
    name = parsed(text)
    assert name is None or parse_domain(name) == name


@settings(max_examples=400)
@given(texts)
def test_an_accepted_name_is_the_only_one_of_its_unicode_form(text: str) -> None:
    """Its Unicode form is refused or is the same name: the latter if IDNA 2008 permits it."""
    name = parsed(text)
    if name is None:
        return
    unicode_name = decoded(name)
    assert parsed(unicode_name) in {name, None}
    try:
        assert idna.encode(idna.decode(name)).decode("ascii") == name
    except idna.IDNAError:
        return
    if JOINERS.isdisjoint(unicode_name):
        assert parsed(unicode_name) == name


@given(texts, st.sampled_from(DOTS))
def test_a_trailing_dot_makes_no_difference(text: str, dot: str) -> None:
    """The root's dot may be written or left out."""
    if (name := parsed(text)) is not None and not text.endswith(DOTS):
        assert parse_domain(text + dot) == name


@given(ascii_names, st.data())
def test_case_and_width_make_no_difference(text: str, data: st.DataObject) -> None:
    """Capitals, full-width letters and full-width dots are other ways to write one name."""
    name = parsed(text)
    forms = data.draw(st.lists(st.integers(0, 3), min_size=len(text), max_size=len(text)))
    written = (
        (text.lower(), text.upper(), text.translate(FULL_WIDTH), text.upper().translate(FULL_WIDTH))
        for text in text
    )
    assert parsed("".join(form[i] for form, i in zip(written, forms, strict=True))) == name


@settings(max_examples=400)
@given(ascii_names | joined(awkward_labels).map(str.lower))
def test_the_short_way_accepts_nothing_that_the_long_way_refuses(text: str) -> None:
    """The regular expression is a short cut and not a second rule."""
    if domain_module._PLAIN_NAME.fullmatch(text) and len(text) <= 253:
        assert domain_module._parse_mapped(text) == text


@given(ascii_names)
def test_plain_names_are_accepted(text: str) -> None:
    """Labels of letters and digits and a last one of letters make a mail domain."""
    if "--" not in text and KEY.fullmatch(text):
        assert parse_domain(text) == text


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.data())
def test_no_spelling_of_an_ip_address_is_accepted(parts: list[int], data: st.DataObject) -> None:
    """Decimal, octal, hexadecimal, shortened, full-width: none of them is a domain."""
    merged = data.draw(st.integers(1, 4))
    numbers = [*parts[: merged - 1], int.from_bytes(parts[merged - 1 :])]
    spelled = ".".join(
        data.draw(st.sampled_from([f"{number}", f"0{number:o}", f"{number:#x}", f"{number:#X}"]))
        for number in numbers
    )
    if data.draw(st.booleans()):
        spelled = spelled.translate(FULL_WIDTH)
    assert parsed(spelled) is None


@given(st.ip_addresses(v=6), st.sampled_from(["{}", "[{}]", "[IPv6:{}]"]))
def test_no_ipv6_address_is_accepted(address: object, form: str) -> None:
    """An IPv6 address is refused as one, bare, in brackets or as a mail literal."""
    with pytest.raises(InvalidDomainError) as caught:
        parse_domain(form.format(address))
    assert caught.value.problem is Problem.IP_ADDRESS
