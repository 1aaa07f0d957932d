"""Describe mail domains in the words of OpenAPI 3.1, and what is refused as none."""

from collections.abc import Mapping

from shared.errors import InvalidDomainError
from shared.model.domain import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, DomainErrorCode, parse_domain
from shared.openapi.responses import Json, Refusal

DOMAIN_NAME: Json = {
    "type": "string",
    "description": "A domain in its one spelling: lower case, without a trailing dot, labels with"
    " other letters in their ASCII form (`xn--...`).",
    "pattern": r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$",
    "maxLength": MAX_NAME_OCTETS,
}
ANY_SPELLING: Json = {
    "type": "string",
    "format": "mail-domain",
    "description": "A mail domain in any spelling: in upper or lower case, with or without a dot at"
    f" its end, in any script. It has two labels at least, each of 1 to {MAX_LABEL_OCTETS} letters,"
    f" digits and hyphens once it is in ASCII, and {MAX_NAME_OCTETS} octets at most.",
    "minLength": 3,
    "maxLength": MAX_NAME_OCTETS + 1,
}
CODES: Mapping[DomainErrorCode, tuple[str, str]] = {
    DomainErrorCode.DOMAIN_TOO_LONG: (
        f"The domain has more than {MAX_NAME_OCTETS} octets.",
        ".".join(["a" * MAX_LABEL_OCTETS] * 4),
    ),
    DomainErrorCode.EMPTY_DOMAIN: ("There is no domain.", ""),
    DomainErrorCode.IP_ADDRESS: ("The domain is an IP address, in any spelling.", "127.0.0.1"),
    DomainErrorCode.FORBIDDEN_CHARACTER: (
        "A label holds something other than letters, digits and hyphens.",
        "ex_ample.com",
    ),
    DomainErrorCode.EMPTY_LABEL: ("There is a dot too many.", "a..example.com"),
    DomainErrorCode.LABEL_TOO_LONG: (
        f"A label has more than {MAX_LABEL_OCTETS} octets.",
        f"{'a' * (MAX_LABEL_OCTETS + 1)}.com",
    ),
    DomainErrorCode.HYPHEN_AT_EDGE: ("A label starts or ends with a hyphen.", "-a.example.com"),
    DomainErrorCode.RESERVED_LABEL: (
        "A label has hyphens third and fourth, and is no `xn--` label.",
        "ab--c.example.com",
    ),
    DomainErrorCode.BAD_IDNA_LABEL: (
        "A label breaks the rules of internationalised names (IDNA 2008).",
        "xn--a.com",
    ),
    DomainErrorCode.SINGLE_LABEL: ("There is no dot inside the domain.", "localhost"),
    DomainErrorCode.NUMERIC_LAST_LABEL: ("The last label has no letter.", "example.123"),
}
"""When each code is sent, and a text that it is sent for."""
MEANINGS = {str(code): when for code, (when, _) in CODES.items()}


def domain_refusals(target: str) -> Mapping[str, Refusal]:
    """Return the refusals of a domain that is sent where *target* has its ``{domain}``."""
    return {
        str(code): Refusal(when, explain(text), {"target": target.format(domain=text)})
        for code, (when, text) in CODES.items()
    }


def explain(text: str) -> str:
    """Return the sentence with which *text*, which is no domain, is refused."""
    try:
        parse_domain(text)
    except InvalidDomainError as error:
        return error.detail
    raise ValueError(f"{text} is a domain")
