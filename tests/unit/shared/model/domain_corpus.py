"""Texts that are domains, or nearly: curated, and made up from a seed."""

# ruff: noqa: RUF001 - characters that look alike are among them
import random
from collections.abc import Iterator

SEED = 20_253
MADE_UP = 10_000
DOTS = (".", "。", "．", "｡")
JOINERS = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")

CURATED = [
    *("example.com", "Example.COM", "a.b", "1.2.3.com", "a_b.com", "-a.com", "a-.com", "a..com"),
    *("xn--53h1310o.ws", "xn--n3h4310f.ws", "xn--bcher-2pa.de", "r3---sn-x.com", "xn--ab-0ea.de"),
    *("", ".", "..", "com", "localhost", "a.c0m", "a.com1", "a.1", "a.1c", "ab--cd.com"),
    *("example.com.", "example.com..", "example.com。", "例え。jp", "ä.。com", "EXAMPLE.TEST."),
    *(
        "1.2.3.4",
        "1.2.3.4.",
        "１.２.３.４",
        "0x7f.1",
        "1.0x7f",
        "1.2.3.0xF",
        "0x7f",
        "[::1]",
        "::1",
    ),
    *("1.2.3.4.0x5f", "a.0xf", "2130706433", "[1.2.3.4]"),
    *("faß.de", "İstanbul.com", "\N{CYRILLIC SMALL LETTER A}pple.com", "ﬁ.com", "☃.net"),
    *("ａｂｃ.com", "\N{KELVIN SIGN}.com", "a\N{ZERO WIDTH SPACE}.com", "a\N{SOFT HYPHEN}b.com"),
    *(
        "a\N{VARIATION SELECTOR-16}b.com",
        "a\N{HANGUL FILLER}b.com",
        "a\N{COMBINING GRAPHEME JOINER}.it",
    ),
    *(
        "xn--a.com",
        "xn--zzzzzz.com",
        "xn--fa-hia.de",
        "xn--n3h.net",
        "XN--FA-HIA.de",
        "xn---bbk.com",
    ),
    *("xn--mgba3gch31f060k.com", "نامه\N{ZERO WIDTH NON-JOINER}ای.com", "xn--11b2ezcw70k.example"),
    *("1.xn--4dbc.com", "xn--4dbc.1.com", "אב.com", "1.אב.com", "אב1.com", "אa.com"),
    *(
        "example.test",
        "a.local",
        "a.onion",
        "test",
        "4.3.2.1.in-addr.arpa",
        "a.invalid",
        "a.localhost",
    ),
    *(
        "a\0b.com",
        "a b.com",
        "a.com\r\n",
        "\ud800.com",
        "\ue000.com",
        "\U0001ffff.com",
        "a\x85.com",
    ),
    *(
        "a⒈com",
        "\N{GREEK VARIA}.com",
        "a≮.com",
        "\N{COMBINING DIAERESIS}a.com",
        "l·l.com",
        "a·a.com",
        "\N{COMBINING GREEK YPOGEGRAMMENI}.com",
    ),
    *(
        "a" * 63 + ".com",
        "a" * 64 + ".com",
        "ä" * 57 + ".com",
        "ä" * 60 + ".com",
        "xn--" + "a" * 60,
    ),
    *("a." * 126 + "a", "a." * 126 + "aa", "a." * 126 + "a.", "a." * 126 + "aa.", "ä." * 126 + "ä"),
    *("e\N{COMBINING ACUTE ACCENT}" * 30 + ".com", "例" * 50 + ".com", "a" * 10_000, "ä" * 10_000),
]

PIECES: list[str] = [
    *"abcxz019--__ ",
    *("xn--", "--", "0x", "0xf", "255", "127", "com", "COM", "mail"),
    *("xn--fa-hia", "xn--4dbc", "xn--mgba3gch31f060k", "xn--n3h", "xn--p1ai", "xn--a", "a-1"),
    *("ä", "ß", "İ", "ı", "ﬁ", "ｅ", "１", "－", "＿", "а", "р", "σ", "ς", "㎢", "℀", "㋿"),
    *("א", "ב", "ا", "ب", "٠", "۱", "क", "्", "例", "え", "・", "한", "ᄒ", "ᅡ"),
    *("·", "l·l", "☃", "\U0001f600", "\N{MIDDLE DOT}", "\N{COMBINING ACUTE ACCENT}"),
    *("\N{ZERO WIDTH SPACE}", "\N{SOFT HYPHEN}", *JOINERS, "\N{VARIATION SELECTOR-16}"),
    *("\N{HANGUL FILLER}", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}", "\0", "\x7f", "\ud800"),
    *("@", "%", ":", "[", "]", "/", "\\", "\n", "a" * 30, "a" * 61, "ä" * 20),
]
TOPS = ["com", "de", "a1", "1", "test", "local", "arpa", "xn--p1ai", "рф", "jp", "0xf", "c-m", ""]


TEN_KILOBYTES = [
    unit * (10_000 // len(unit.encode("utf-8", "surrogatepass")))
    for unit in (
        "a",
        "a.",
        ".",
        "-",
        "1.",
        "xn--",
        "\0",
        "é",
        "．",
        "例",
        "\u0660",
        "\ud800",
        "\U0001f600",
    )
]
"""Texts of ten kilobytes, each of one repeated unit."""


def made_up() -> Iterator[str]:
    """Names from a seed: ordinary ones, with now and then an odd piece or any character."""
    chance = random.Random(SEED)

    def label() -> str:
        match chance.randrange(8):
            case 0:
                return str(chance.randrange(300))
            case 1:
                return chr(chance.randrange(0x80, 0x3000)) + chance.choice(("", "a", "-"))
            case 2:
                return "".join(chance.choices(PIECES, k=chance.randint(0, 4)))
            case 3:
                return chance.choice(PIECES)
            case _:
                return "".join(chance.choices("abcde-12", k=chance.randint(1, 6)))

    for _ in range(MADE_UP):
        labels = [label() for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 5, 40]))]
        dots = [chance.choice(DOTS) if chance.random() < 0.1 else "." for _ in labels]
        end = chance.choice(TOPS) if chance.random() < 0.9 else label()
        yield "".join(a + b for a, b in zip(labels, dots, strict=True)) + end


def decoded(name: str) -> str:
    """Return *name* with its A-labels as text, also those that IDNA 2008 does not permit."""
    return ".".join(
        label[4:].encode().decode("punycode") if label.startswith("xn--") else label
        for label in name.split(".")
    )
