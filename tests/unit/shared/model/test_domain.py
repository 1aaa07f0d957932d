"""The spelling of domains, case by case."""

# ruff: noqa: RUF001 - characters that look alike are what is tested here
import idna
import pytest

from shared.errors import InvalidDomainError
from shared.model.domain import DOMAIN_PROBLEMS, parse_domain, quote_input
from shared.problems import Problem as Code
from tests.unit.shared.model.domain_corpus import TEN_KILOBYTES

LABEL_63 = "a" * 63
NAME_253 = ".".join([LABEL_63, LABEL_63, LABEL_63, "a" * 61])

ACCEPTED = [
    # As they are.
    ("example.com", "example.com"),
    ("a.b", "a.b"),
    ("3com.com", "3com.com"),
    ("1.2.3.com", "1.2.3.com"),
    ("a-b-c.com", "a-b-c.com"),
    ("abc--d.com", "abc--d.com"),
    (f"{LABEL_63}.com", f"{LABEL_63}.com"),
    (f"com.{LABEL_63}", f"com.{LABEL_63}"),
    (NAME_253, NAME_253),
    # One letter anywhere in the last label is enough.
    ("a.c0m", "a.c0m"),
    ("a.1c", "a.1c"),
    ("a.2-c-2", "a.2-c-2"),
    ("example.0x7f", "example.0x7f"),
    # Case, and exactly one trailing dot.
    ("Example.COM", "example.com"),
    ("example.com.", "example.com"),
    ("EXAMPLE.COM.", "example.com"),
    ("example.com。", "example.com"),
    (NAME_253 + ".", NAME_253),
    (NAME_253 + "。", NAME_253),
    # Width and other compatibility forms.
    ("ａｂｃ.com", "abc.com"),
    ("ＥＸＡＭＰＬＥ．ＣＯＭ", "example.com"),
    ("\N{KELVIN SIGN}.com", "k.com"),
    ("ﬁ.com", "fi.com"),
    ("ｘｎ－－fa-hia.de", "xn--fa-hia.de"),
    # The four dots of UTS 46.
    ("a.b。c．d｡com", "a.b.c.d.com"),
    ("例え。jp", "xn--r8jz45g.jp"),
    # Internationalised names; non-transitional, so sharp s is a letter of its own.
    ("faß.de", "xn--fa-hia.de"),
    ("FAẞ.de", "xn--fa-hia.de"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("bu\N{COMBINING DIAERESIS}cher.example", "xn--bcher-kva.example"),
    ("İstanbul.com", "xn--istanbul-o0e.com"),
    ("\N{CYRILLIC SMALL LETTER A}pple.com", "xn--pple-43d.com"),
    ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
    ("пример.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
    ("XN--E1AFMKFD.XN--P1AI", "xn--e1afmkfd.xn--p1ai"),
    # The A-label of a Persian word with a joiner is valid, and all ASCII.
    ("xn--mgba3gch31f060k.com", "xn--mgba3gch31f060k.com"),
    # Registries sell symbols, and hyphens at any place but the edges.
    ("xn--53h1310o.ws", "xn--53h1310o.ws"),
    ("XN--N3H.net.", "xn--n3h.net"),
    ("xn--ab-0ea.com", "xn--ab-0ea.com"),  # a middle dot where IDNA 2008 has none
    ("r3---sn-x.example.com", "r3---sn-x.example.com"),
    ("ab--cd.com", "ab--cd.com"),
    ("com.ab--cd", "com.ab--cd"),
    # Special-use names are names.
    ("example.test", "example.test"),
    ("example.invalid", "example.invalid"),
    ("example.localhost", "example.localhost"),
    ("4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"),
]

REFUSED = [
    (Code.DOMAIN_TOO_LONG, NAME_253 + "a"),
    (Code.DOMAIN_TOO_LONG, NAME_253 + "a."),
    (Code.DOMAIN_TOO_LONG, NAME_253 + "ä"),
    (Code.DOMAIN_TOO_LONG, "\0" * 10_000),
    (Code.DOMAIN_TOO_LONG, "\N{SQUARE MANSYON}." * 100),  # six characters each once mapped
    (Code.DOMAIN_TOO_LONG, ("ä" * 40 + ".") * 6 + "jp"),  # once encoded
    (Code.EMPTY_DOMAIN, ""),
    (Code.EMPTY_DOMAIN, "."),
    (Code.EMPTY_DOMAIN, "。"),
    (Code.IP_ADDRESS, "1.2.3.4"),
    (Code.IP_ADDRESS, "1.2.3.4."),
    (Code.IP_ADDRESS, "[1.2.3.4]"),
    (Code.IP_ADDRESS, "１.２.３.４"),
    (Code.IP_ADDRESS, "１．２。３｡４"),
    (Code.IP_ADDRESS, "①.②.③.④"),
    (Code.IP_ADDRESS, "127.1"),
    (Code.IP_ADDRESS, "0x7f.1"),
    (Code.IP_ADDRESS, "0X7F.0.0.0X1"),
    (Code.IP_ADDRESS, "1.2.3.0xff"),
    (Code.IP_ADDRESS, "0177.0.0.01"),
    (Code.IP_ADDRESS, "0x7f000001"),
    (Code.IP_ADDRESS, "2130706433"),
    (Code.IP_ADDRESS, "123"),
    (Code.IP_ADDRESS, "::"),
    (Code.IP_ADDRESS, "::1"),
    (Code.IP_ADDRESS, "[::1]"),
    (Code.IP_ADDRESS, "2001:DB8::1"),
    (Code.IP_ADDRESS, "::ffff:1.2.3.4"),
    (Code.IP_ADDRESS, "[fe80::1%eth0]"),
    (Code.IP_ADDRESS, "[IPv6:2001:db8::1]"),
    (Code.FORBIDDEN_CHARACTER, "ex_ample.com"),
    (Code.FORBIDDEN_CHARACTER, "_dmarc.example.com"),
    (Code.FORBIDDEN_CHARACTER, "ex ample.com"),
    (Code.FORBIDDEN_CHARACTER, " example.com"),
    (Code.FORBIDDEN_CHARACTER, "example.com\r\n"),
    (Code.FORBIDDEN_CHARACTER, "example.com\n"),
    (Code.FORBIDDEN_CHARACTER, "exam\0ple.com"),
    (Code.FORBIDDEN_CHARACTER, "example.com\x7f"),
    (Code.FORBIDDEN_CHARACTER, "ex%41mple.com"),
    (Code.FORBIDDEN_CHARACTER, "user@example.com"),
    (Code.FORBIDDEN_CHARACTER, "example.com/"),
    (Code.FORBIDDEN_CHARACTER, "example.com:25"),
    (Code.FORBIDDEN_CHARACTER, "[example.com]"),
    (Code.FORBIDDEN_CHARACTER, "example.com\N{ZERO WIDTH SPACE}"),
    (Code.FORBIDDEN_CHARACTER, "exam\N{SOFT HYPHEN}ple.com"),
    (Code.FORBIDDEN_CHARACTER, "exam\N{WORD JOINER}ple.com"),
    (Code.FORBIDDEN_CHARACTER, "\N{ZERO WIDTH NO-BREAK SPACE}example.com"),
    (Code.FORBIDDEN_CHARACTER, "نامه\N{ZERO WIDTH NON-JOINER}ای.com"),
    (Code.FORBIDDEN_CHARACTER, "a\N{RIGHT-TO-LEFT OVERRIDE}b.com"),
    (Code.FORBIDDEN_CHARACTER, "a\N{VARIATION SELECTOR-16}b.com"),
    (Code.FORBIDDEN_CHARACTER, "a\N{HANGUL FILLER}b.com"),
    (Code.FORBIDDEN_CHARACTER, "a\N{NO-BREAK SPACE}b.com"),
    (Code.FORBIDDEN_CHARACTER, "a\N{LINE SEPARATOR}b.com"),
    (Code.FORBIDDEN_CHARACTER, "a\x85b.com"),
    (Code.FORBIDDEN_CHARACTER, "a\ue000b.com"),  # private use
    (Code.FORBIDDEN_CHARACTER, "a\U0001ffffb.com"),  # unassigned for ever
    (Code.FORBIDDEN_CHARACTER, "\udcff.com"),  # what a byte that is not UTF-8 becomes
    (Code.FORBIDDEN_CHARACTER, "☃.net"),
    (Code.FORBIDDEN_CHARACTER, "a＿b.com"),
    (Code.FORBIDDEN_CHARACTER, "ä_b.com"),
    (Code.FORBIDDEN_CHARACTER, "［::1］"),
    (Code.FORBIDDEN_CHARACTER, "a⒈com"),  # would map to "1."
    (Code.FORBIDDEN_CHARACTER, "\N{GREEK VARIA}.com"),  # would map to a grave accent
    (Code.EMPTY_LABEL, ".."),
    (Code.EMPTY_LABEL, "a..com"),
    (Code.EMPTY_LABEL, ".example.com"),
    (Code.EMPTY_LABEL, "example.com.."),
    (Code.EMPTY_LABEL, "example.com。."),
    (Code.EMPTY_LABEL, "ä.。com"),
    (Code.LABEL_TOO_LONG, f"a{LABEL_63}.com"),
    (Code.LABEL_TOO_LONG, f"com.a{LABEL_63}"),
    (Code.LABEL_TOO_LONG, f"xn--{LABEL_63}.com"),
    (Code.LABEL_TOO_LONG, "ä" * 64 + ".com"),
    (Code.LABEL_TOO_LONG, "".join(map(chr, range(0x4E00, 0x4E00 + 59 * 9, 9))) + ".com"),
    (Code.HYPHEN_AT_EDGE, "-a.com"),
    (Code.HYPHEN_AT_EDGE, "a-.com"),
    (Code.HYPHEN_AT_EDGE, "a.-com"),
    (Code.HYPHEN_AT_EDGE, "a.com-"),
    (Code.HYPHEN_AT_EDGE, "-.com"),
    (Code.HYPHEN_AT_EDGE, "xn--.com"),
    (Code.HYPHEN_AT_EDGE, "ä－.com"),
    (Code.BAD_IDNA_LABEL, "ä1--cd.com"),
    (Code.BAD_IDNA_LABEL, "xn--a.com"),
    (Code.BAD_IDNA_LABEL, "xn--zzzzzz.com"),
    (Code.BAD_IDNA_LABEL, "a.xn--zzzzzz"),
    (Code.BAD_IDNA_LABEL, "xn--abc-def.com"),
    (Code.BAD_IDNA_LABEL, "xn--bcher-2pa.de"),  # a capital letter: another spelling
    (Code.BAD_IDNA_LABEL, "xn--mi7c.de"),  # a full-width letter: another spelling
    (Code.BAD_IDNA_LABEL, "xn--x-uca3p.com"),  # a soft hyphen
    (Code.BAD_IDNA_LABEL, "xn--n3h4310f.net"),  # a snowman, and what makes it colourful
    (Code.BAD_IDNA_LABEL, "xn--a-bcb.com"),  # begins with a mark
    (Code.BAD_IDNA_LABEL, "xn--xn---epa.de"),  # an A-label in an A-label
    (Code.BAD_IDNA_LABEL, "xn--a-zhc.com"),  # two directions in one label
    (Code.BAD_IDNA_LABEL, "xn---bbk.com"),  # another spelling of xn--bbk
    (Code.BAD_IDNA_LABEL, "xn--Bcher-Kva9.com"),
    (Code.BAD_IDNA_LABEL, "xn--ä.com"),
    (Code.BAD_IDNA_LABEL, "\N{COMBINING DIAERESIS}a.com"),
    (Code.BAD_IDNA_LABEL, "a·b.com"),  # stands between two l only
    (Code.BAD_IDNA_LABEL, "אa.com"),  # two directions in one label
    (Code.SINGLE_LABEL, "localhost"),
    (Code.SINGLE_LABEL, "com."),
    (Code.SINGLE_LABEL, "ä"),
    (Code.SINGLE_LABEL, "1-2"),
    (Code.NUMERIC_LAST_LABEL, "example.123"),
    (Code.NUMERIC_LAST_LABEL, "example.１２３"),
    (Code.NUMERIC_LAST_LABEL, "example.1-2"),
    (Code.NUMERIC_LAST_LABEL, "1.2.3.4.5"),
    (Code.NUMERIC_LAST_LABEL, "ä.1"),
]


def refusal(text: str) -> InvalidDomainError:
    """Return how *text* is refused."""
    with pytest.raises(InvalidDomainError) as caught:
        parse_domain(text)
    return caught.value


@pytest.mark.parametrize(("text", "name"), ACCEPTED, ids=ascii)
def test_a_domain_has_one_spelling(text: str, name: str) -> None:
    """Every way to write a domain gives the same name, which gives itself."""
    assert parse_domain(text) == name
    assert parse_domain(name) == name


@pytest.mark.parametrize(("code", "text"), REFUSED, ids=lambda value: ascii(value)[:60])
def test_a_text_that_is_not_a_mail_domain_is_refused(code: Code, text: str) -> None:
    """A stable code names the broken rule."""
    assert refusal(text).problem is code


def test_every_code_is_in_the_table() -> None:
    """Every code has an example."""
    assert {code for code, _ in REFUSED} == set(DOMAIN_PROBLEMS)


@pytest.mark.parametrize("text", [text for _, text in REFUSED] + TEN_KILOBYTES, ids=lambda _: "")
def test_a_refusal_is_one_printable_sentence(text: str) -> None:
    """The detail is one short sentence in ASCII, for any input."""
    error = refusal(text)
    assert str(error).isascii()
    assert str(error).isprintable()
    assert str(error).endswith(".")
    assert len(str(error)) <= 80 + 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exam\N{ZERO WIDTH SPACE}ple.com", "U+200B (ZERO WIDTH SPACE)"),
        ("a\0b.com", "U+0000 (a character without a name)"),
        ("a＿b.com", "U+FF3F (FULLWIDTH LOW LINE)"),
        ("☃.net", "U+2603 (SNOWMAN)"),
        ("a_b.com", "U+005F (LOW LINE)"),
    ],
    ids=ascii,
)
def test_a_forbidden_character_is_named(text: str, said: str) -> None:
    """A character that cannot be seen can still be found by its name."""
    assert said in str(refusal(text))


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("abc", '"abc"'),
        ("a\r\n\0b", r'"a\r\n\x00b"'),
        ("ä例\U0001f600\ud800", r'"\xe4\u4f8b\U0001f600\ud800"'),
        ("x" * 80, '"' + "x" * 80 + '"'),
        ("x" * 81, '"' + "x" * 77 + '..."'),
        ("例" * 10_000, '"' + r"\u4f8b" * 12 + r"\u4f8" + '..."'),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_input_is_quoted_escaped_and_cut(text: str, quoted: str) -> None:
    """What is shown of the input is printable ASCII and at most 80 characters."""
    assert quote_input(text) == quoted
    assert len(quoted) <= 80 + len('""')


def test_every_character_that_mapping_drops_is_refused() -> None:
    """No character vanishes: two names that differ by one would become the same."""
    planes = (range(0x80, 0x20000), range(0xE0000, 0xE1000))
    dropped = []
    for character in (chr(point) for plane in planes for point in plane):
        try:
            if not idna.uts46_remap(character):
                dropped.append(character)
        except idna.IDNAError:
            pass
    assert len(dropped) > 250
    for character in dropped:
        assert refusal(f"exam{character}ple.com").problem is Code.FORBIDDEN_CHARACTER
