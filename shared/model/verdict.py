"""Decide whether a mail system's report counts as a delivery, as a bounce, or as nothing. Pure.

A bounce makes a domain *not catch-all* for good, so it counts only if it proves that the receiving
domain does not accept every address: the domain itself said that this recipient does not exist.
The first line of the table that matches decides; in doubt a report counts as nothing.

==================================  ===========  ==================================================
what the report contains            verdict      source
==================================  ===========  ==================================================
the provider: delivered             delivered
the provider: not permanent         nothing      the provider's classes (each adapter names them)
a recipient or an address of        nothing      forwarded mail: another domain refused it
another domain than was sent to                  (RFC 5321, 3.9)
an SMTP code other than 5xx,        nothing      RFC 5321, 4.2.1: 4xx is transient; 6xx are the
or a status other than 5.x.x                     provider's own, for mail that it did not send
a text of ``_OTHER_REASONS``        nothing      full box, block, expiry, suppression, no such
                                                 domain: not about this address
5.1.1                               bounced      RFC 3463, 3.2: mailbox does not exist
5.1.10 and "recipient not found"    bounced      Exchange: RESOLVER.ADR.RecipientNotFound
5.1.10 otherwise                    nothing      RFC 7505, 4.2: the domain accepts no mail at all
5.4.1 and "recipient address        bounced      Exchange Online: directory-based edge blocking
rejected: access denied"                         refuses recipients that do not exist
5.4.x otherwise                     nothing      RFC 3463, 3.5: no answer, no route, expired (5.4.7)
5.1.2, 5.1.8 and other 5.1.x        nothing      RFC 3463, 3.2: bad domain, bad sender, moved
5.2.x, 5.3.x, 5.5.x to 5.7.x        nothing      RFC 3463, 3.3 to 3.8: mailbox full or disabled,
                                                 system, protocol, content, policy
no status, and the provider's       bounced      SES: NoEmail; SparkPost: class 10
class: no such recipient
550 without a status, and a text    bounced      RFC 5321, 4.2.3: 550 alone is also "no access"
of ``_NO_SUCH_RECIPIENT``                        and "policy"; the texts are those of mail servers
anything else                       nothing
==================================  ===========  ==================================================
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a report counts as."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider reports about one recipient of one message."""

    recipient: str
    """The address that accepted or refused the message."""
    delivered: bool = False
    permanent: bool = False
    """The provider attributes the failure to the recipient, and will not try again."""
    no_such_recipient: bool = False
    """The provider has classified the reply: the recipient does not exist."""
    text: str = ""
    """The reply of the receiving server, with its codes if the provider leaves them in it."""
    smtp_code: int | None = None
    """The code of the reply, where the provider reports it separately."""
    status: str = ""
    """The enhanced status code (RFC 3463), where the provider reports it separately."""
    sent_to: tuple[str, ...] = ()
    """The addresses that the message was sent to, where the provider reports them."""


# Not a part of a version or an IP address. A reply of several lines has "550-5.1.1".
_STATUS = re.compile(r"(?:^|(?<=[\s(#;:\[])|(?<=\d\d\d-))([2-9])\.(\d{1,3})\.(\d{1,3})(?![\w.]*\d)")
_SMTP_CODE = re.compile(r"^(?:[\w-]+;)?\s*([2-9]\d\d)(?=[\s-]|$)")
# It starts only after a delimiter, so that a long text takes linear time.
_ADDRESS = re.compile(r"(?<![^\s<>()\[\]:;,\"'])[^\s<>()\[\]:;,\"'@]++@([\w.-]+\w)")

_RECIPIENT_NOT_FOUND = re.compile(r"recip(?:ient)?[ ]?not[ ]?found", re.IGNORECASE)
_ACCESS_DENIED = re.compile(r"recipient address rejected: access denied", re.IGNORECASE)
_NO_SUCH_RECIPIENT = re.compile(
    r"""
      \b(?:user|recipient|mailbox|address|account)\s(?:is\s)?(?:unknown|not\sfound)\b
                                                        # Postfix, Sendmail, Exim, Exchange
    | \bunknown\s(?:user|recipient|mailbox|address|account)\b
    | \bno\ssuch\s(?:user|recipient|mailbox|address|account|person)\b   # Exim, Courier, CommuniGate
    | \bno\smailbox\shere\sby\sthat\sname\b             # qmail
    | \b(?:user|recipient|mailbox|address|account)\b[^.;:]{0,60}\bdoes\snot\sexist\b   # Google
    | \brecip(?:ient)?[ ]?not[ ]?found\b                # Exchange
    | \brecipient\saddress\srejected:\saccess\sdenied\b # Exchange Online
    """,
    re.IGNORECASE | re.VERBOSE,
)
_OTHER_REASONS = re.compile(
    r"""
      \bquota\b | \bfull\b | \bstorage\b | \btoo\s(?:large|big|many|old)\b
    | block | black\s?list | deny\s?list | \brbl\b | dnsbl | spamhaus | \bspam\b | reputation
    | gr[ea]y\s?list | \bpolic(?:y|ies)\b | \brate\b | throttl | \bdmarc\b | \bspf\b | \bdkim\b
    | suppress | previously\s(?:bounced|failed) | unsubscribe
    | expire | timed?\s?out | \btimeout\b | \btry\s(?:again\s)?later\b
    | disabled | inactive | suspended
    | \b(?:domain|host)\b[^:;]{0,40}\b(?:not\s(?:exist|found)|unknown|invalid)\b
    | \bsender\b[^.;]{0,40}\b(?:unknown|rejected|denied|not\sexist|invalid)\b
    | \brelay(?:ing)?\s(?:access\s)?(?:denied|not)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def judge(report: Report) -> Verdict:
    """Return what *report* counts as, by the table above."""
    if report.delivered:
        return Verdict.DELIVERED
    if not report.permanent or _is_forwarded(report):
        return Verdict.NOTHING
    code = report.smtp_code
    if code is None and (found := _SMTP_CODE.match(report.text)):
        code = int(found[1])
    statuses = {found.groups() for found in _STATUS.finditer(f"{report.status}\n{report.text}")}
    if code is not None and not 500 <= code <= 599:  # noqa: PLR2004 RFC 5321, 4.2.1
        return Verdict.NOTHING
    words = _ADDRESS.sub("", report.text)
    if _OTHER_REASONS.search(words):
        return Verdict.NOTHING
    if not statuses:
        says_so = code == 550 and _NO_SUCH_RECIPIENT.search(words) is not None  # noqa: PLR2004
        proof = report.no_such_recipient or says_so
    else:
        # Two different statuses describe two failures, so each of them has to be a proof.
        proof = all(_proves(".".join(status), words) for status in statuses)
    return Verdict.BOUNCED if proof else Verdict.NOTHING


def _proves(status: str, words: str) -> bool:
    match status:
        case "5.1.1":
            return True
        case "5.1.10":
            return _RECIPIENT_NOT_FOUND.search(words) is not None
        case "5.4.1":
            return _ACCESS_DENIED.search(words) is not None
        case _:
            return False


def _is_forwarded(report: Report) -> bool:
    """Whether another domain than the one that was sent to refused the message."""
    domain = domain_of(report.recipient)
    if report.sent_to and domain not in {domain_of(address) for address in report.sent_to}:
        return True
    return any(found[1].lower() != domain for found in _ADDRESS.finditer(report.text))


def domain_of(address: str) -> str:
    """Return the text after the last @ of *address*, in lower case; empty if there is none."""
    return address.rpartition("@")[2].lower().rstrip(">. ") if "@" in address else ""
