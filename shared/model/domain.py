"""Give every mail domain one spelling, and refuse text that is not a mail domain.

The rules are those of RFC 1035 and RFC 1123 for host names, and of IDNA 2008 (RFC 5890
to 5893) after the mapping of UTS 46 for internationalised names. An A-label is also taken as it
stands if IDNA 2008 does not permit its characters, symbols for example, but UTS 46 leaves them as
they are: registries sell such names, and mail goes to them. The Unicode tables of Python and
``idna`` define which characters are assigned: a newer Python may accept a name that an older one
refuses, but two versions never give one name two spellings.
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
    Problem.BAD_IDNA_LABEL,
    Problem.SINGLE_LABEL,
    Problem.NUMERIC_LAST_LABEL,
)
"""Why a text is not a mail domain: every problem that ``parse_domain`` raises."""


# The form of nearly every name: plain labels, and letters in the last one. It need not match every
# valid name, but a name that it matches is accepted without further checks.
_PLAIN = r"(?:(?!-|xn--)[a-z0-9-]{1,63}+(?<!-)\.)++[a-z]{1,63}+"
_PLAIN_NAME = re.compile(_PLAIN)
_PLAIN_LINE = rf"(?=.{{1,{MAX_NAME_OCTETS}}}$){_PLAIN}"
_PLAIN_LINES = re.compile(rf"{_PLAIN_LINE}(?:\n{_PLAIN_LINE})*+".encode(), re.MULTILINE)
_ACE_PREFIX = "xn--"
_DOTS = ".\u3002\uff0e\uff61"
_NOT_LETTER_DIGIT_HYPHEN_DOT = re.compile(r"[\x00-,/:-`{-\x7f]")
# Parts that inet_aton accepts (decimal, octal, hexadecimal), or the colons of an IPv6 address.
# Their ranges do not matter: no such name has a valid last label.
_NUMBER = r"(?:0x[0-9a-f]*|[0-9]+)"
_IP_ADDRESS = re.compile(
    rf"(\[)?(?:{_NUMBER}(?:\.{_NUMBER}){{0,3}}"
    r"|(?:ipv6:)?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f.]*(?:%.*)?)(?(1)\])",
    re.DOTALL,
)
# The mapping drops some of these silently, so that two names would look the same.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
# Letters and marks that Unicode calls default ignorable: they are invisible too.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def parse_domain(text: str) -> DomainName:
    """Return the one spelling of the domain that *text* names.

    ``parse_domain`` of the result is the result. *text* may be any ``str``, even with lone
    surrogates or control characters. The time is bounded: a text that is too long is refused
    unread. Special-use names (``example.test``) are valid.

    Raises ``InvalidDomainError`` with one of ``DOMAIN_PROBLEMS`` if *text* is not a mail domain.
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


def are_plain_lines(lines: bytes) -> bool:
    """Whether each line is the one spelling of a domain, for certain; False means: look closer."""
    return _PLAIN_LINES.fullmatch(lines) is not None


def escape_input(text: str) -> str:
    """Return *text* escaped to printable ASCII and cut to 80 characters, for error messages."""
    escaped = text[: MAX_QUOTED_CHARACTERS + 1].encode("unicode_escape").decode("ascii")
    if len(escaped) > MAX_QUOTED_CHARACTERS:
        escaped = escaped[: MAX_QUOTED_CHARACTERS - 3] + "..."
    return escaped


def quote_input(text: str) -> str:
    """Return *text* escaped and cut, in quotes."""
    return f'"{escape_input(text)}"'


def _map_to_unicode_labels(text: str) -> str:
    """Return *text* mapped by UTS 46 (non-transitional): lower case, normal form, plain dots."""
    for character in text:
        if unicodedata.category(character) in _UNSAFE_CATEGORIES or _INVISIBLE.match(character):
            raise _forbidden(character)
    try:
        return idna.uts46_remap(text, std3_rules=True)
    except idna.InvalidCodepoint as error:
        raise _forbidden(chr(error.codepoint or 0)) from error


def _parse_mapped(name: str) -> DomainName:
    """Check *name*, in lower case and without its trailing dot, and return its A-label form."""
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
    """Return the ASCII form of a mapped *label*: a plain one, an A-label or a U-label."""
    if not label:
        raise InvalidDomainError(Problem.EMPTY_LABEL)
    # The A-label of a U-label is at least as long, so this limits the work of idna.
    if len(label) > MAX_LABEL_OCTETS:
        raise _label_too_long(label)
    if label.startswith("-") or label.endswith("-"):
        raise InvalidDomainError(Problem.HYPHEN_AT_EDGE, label=quote_input(label))
    is_a_label = label.startswith(_ACE_PREFIX)
    if label.isascii() and (not is_a_label or _is_symbolic(label)):
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError as error:
        if error.code == "label_too_long":
            raise _label_too_long(label) from error
        if isinstance(error, idna.InvalidCodepoint) and not is_a_label:
            raise _forbidden(chr(error.codepoint or 0)) from error
        raise InvalidDomainError(Problem.BAD_IDNA_LABEL, label=quote_input(label)) from error


def _is_symbolic(a_label: str) -> bool:
    """Whether *a_label* has one spelling, though IDNA 2008 may not permit its characters.

    It does if it is Punycode that encodes to itself, of a text that mapping leaves unchanged: then
    no other text leads to this label. A text with invisible characters is
    left to IDNA 2008, which permits some of them between certain letters.
    """
    try:
        text = a_label.removeprefix(_ACE_PREFIX).encode("ascii").decode("punycode")
        encoded = text.encode("punycode").decode("ascii")
        if _ACE_PREFIX + encoded != a_label or text.startswith(_ACE_PREFIX):
            return False
        if unicodedata.category(text[0]).startswith("M"):
            return False  # it would combine with the dot before it (UTS 46, 4.1)
        idna.check_bidi(text)
        return _map_to_unicode_labels(text) == text
    except (UnicodeError, InvalidDomainError):  # idna's errors are of the former kind
        return False


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
