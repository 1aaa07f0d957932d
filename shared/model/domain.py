"""Give every mail domain one spelling, and refuse what is no mail domain.

The rules are those of RFC 1035 and RFC 1123 for host names, and of IDNA 2008 (RFC 5890
to 5893) after the mapping of UTS 46 for internationalised ones. Which characters are
assigned is for the Unicode tables of Python and ``idna`` to say: a newer Python may accept
a name that an older one refuses, but no two ever give one name two spellings.
"""

import re
import unicodedata
from typing import NewType

import idna

from shared.errors import InvalidDomainError
from shared.problems import Problem

DomainName = NewType("DomainName", str)
"""A domain as ``parse_domain`` spells it: lower-case ASCII, A-labels, no trailing dot."""

MAX_NAME_OCTETS = 253
MAX_LABEL_OCTETS = 63
MAX_QUOTED_CHARACTERS = 80


DOMAIN_PROBLEMS = (
    Problem.DOMAIN_TOO_LONG,
    Problem.EMPTY_DOMAIN,
    Problem.IP_ADDRESS,
    Problem.FORBIDDEN_CHARACTER,
    Problem.EMPTY_LABEL,
    Problem.LABEL_TOO_LONG,
    Problem.HYPHEN_AT_EDGE,
    Problem.RESERVED_LABEL,
    Problem.BAD_IDNA_LABEL,
    Problem.SINGLE_LABEL,
    Problem.NUMERIC_LAST_LABEL,
)
"""Why a text is not a mail domain: every problem that ``parse_domain`` raises."""


# What nearly every name is: plain labels and a last one of letters. It need accept no more,
# but what it accepts gets no second look.
_PLAIN_NAME = re.compile(r"(?:(?!-|..--)[a-z0-9-]{1,63}+(?<!-)\.)++[a-z]{1,63}+")
_DOTS = ".\u3002\uff0e\uff61"
_NOT_LETTER_DIGIT_HYPHEN_DOT = re.compile(r"[\x00-,/:-`{-\x7f]")
# In parts that inet_aton would read (decimal, octal, hexadecimal), or with an IPv6 address's
# colons; their ranges do not matter, for no such name has a real last label.
_NUMBER = r"(?:0x[0-9a-f]*|[0-9]+)"
_IP_ADDRESS = re.compile(
    rf"(\[)?(?:{_NUMBER}(?:\.{_NUMBER}){{0,3}}"
    r"|(?:ipv6:)?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f.]*(?:%.*)?)(?(1)\])",
    re.DOTALL,
)
# Mapping drops some of these without a word, and two names would look like one.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
# Letters and marks that Unicode calls default ignorable: they show nothing either.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def parse_domain(text: str) -> DomainName:
    """Return the one spelling of the domain that *text* names.

    ``parse_domain`` of the result is the result. Any ``str`` may come in, lone surrogates
    and control characters included. The time it takes is bounded: what is too long is
    refused unread. Special-use names (``example.test``) are names like any other.

    Raise ``InvalidDomainError`` with one of ``DOMAIN_PROBLEMS`` if *text* names no mail domain.
    """
    if len(text) > MAX_NAME_OCTETS and (len(text) > MAX_NAME_OCTETS + 1 or text[-1] not in _DOTS):
        raise _too_long()
    if text.isascii():
        name = text.lower().removesuffix(".")
        if _PLAIN_NAME.fullmatch(name):
            return DomainName(name)
    else:
        name = _map_to_unicode_labels(text).removesuffix(".")
        if len(name) > MAX_NAME_OCTETS:
            raise _too_long()
    return _parse_mapped(name)


def escape_input(text: str) -> str:
    """Return *text* escaped to printable ASCII and cut to 80 characters, to be shown to people."""
    escaped = text[: MAX_QUOTED_CHARACTERS + 1].encode("unicode_escape").decode("ascii")
    if len(escaped) > MAX_QUOTED_CHARACTERS:
        escaped = escaped[: MAX_QUOTED_CHARACTERS - 3] + "..."
    return escaped


def quote_input(text: str) -> str:
    """Return *text* escaped and cut, in quotes."""
    return f'"{escape_input(text)}"'


def _map_to_unicode_labels(text: str) -> str:
    """Return *text* in the lower case, normal form and dots of UTS 46 (non-transitional)."""
    for character in text:
        if unicodedata.category(character) in _UNSAFE_CATEGORIES or _INVISIBLE.match(character):
            raise _forbidden(character)
    try:
        return idna.uts46_remap(text, std3_rules=True)
    except idna.InvalidCodepoint as error:
        raise _forbidden(chr(error.codepoint or 0)) from error


def _parse_mapped(name: str) -> DomainName:
    """Judge *name*, which is in lower case and has lost its trailing dot, label by label."""
    if not name:
        raise InvalidDomainError(Problem.EMPTY_DOMAIN)
    if _IP_ADDRESS.fullmatch(name):
        raise InvalidDomainError(Problem.IP_ADDRESS, name=quote_input(name))
    if found := _NOT_LETTER_DIGIT_HYPHEN_DOT.search(name):
        raise _forbidden(found.group())
    labels = [_a_label(label) for label in name.split(".")]
    a_name = ".".join(labels)
    if len(a_name) > MAX_NAME_OCTETS:
        raise _too_long()
    if len(labels) == 1:
        raise InvalidDomainError(Problem.SINGLE_LABEL, name=quote_input(name))
    if not any(character.isalpha() for character in labels[-1]):
        raise InvalidDomainError(Problem.NUMERIC_LAST_LABEL, label=quote_input(labels[-1]))
    return DomainName(a_name)


def _a_label(label: str) -> str:
    """Return the ASCII form of a mapped *label*, be it plain, an A-label or a U-label."""
    if not label:
        raise InvalidDomainError(Problem.EMPTY_LABEL)
    # The A-label of a U-label is at least as long, so this bounds what idna has to do.
    if len(label) > MAX_LABEL_OCTETS:
        raise _label_too_long(label)
    if label.startswith("-") or label.endswith("-"):
        raise InvalidDomainError(Problem.HYPHEN_AT_EDGE, label=quote_input(label))
    is_a_label = label.startswith("xn--")
    if label[2:4] == "--" and not is_a_label:
        raise InvalidDomainError(Problem.RESERVED_LABEL, label=quote_input(label))
    if label.isascii() and not is_a_label:
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError as error:
        if error.code == "label_too_long":
            raise _label_too_long(label) from error
        if isinstance(error, idna.InvalidCodepoint) and not is_a_label:
            raise _forbidden(chr(error.codepoint or 0)) from error
        raise InvalidDomainError(Problem.BAD_IDNA_LABEL, label=quote_input(label)) from error


def _too_long() -> InvalidDomainError:
    return InvalidDomainError(Problem.DOMAIN_TOO_LONG, max_name_octets=MAX_NAME_OCTETS)


def _label_too_long(label: str) -> InvalidDomainError:
    return InvalidDomainError(
        Problem.LABEL_TOO_LONG, label=quote_input(label), max_label_octets=MAX_LABEL_OCTETS
    )


def _forbidden(character: str) -> InvalidDomainError:
    known_as = unicodedata.name(character, "a character without a name")
    return InvalidDomainError(
        Problem.FORBIDDEN_CHARACTER, character=f"U+{ord(character):04X} ({known_as})"
    )
