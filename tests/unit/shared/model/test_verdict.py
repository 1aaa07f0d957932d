"""Which reports of mail systems prove anything."""

import pytest

from shared.model.verdict import Report, Verdict, judge

GOOGLE = (
    "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
    "550-5.1.1 double-checking the recipient's email address for typos or\n"
    "550 5.1.1 unnecessary spaces. Learn more at\n"
    "550 5.1.1 https://support.google.com/mail/?p=NoSuchUser d9443c01a7336-1 - gsmtp"
)
POSTFIX = (
    "550 5.1.1 <jo@example.com>: Recipient address rejected: User unknown in virtual mailbox table"
)
EDGE_BLOCKING = (
    "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"
    " [BN1NAM02FT022.eop-nam02.prod.protection.outlook.com]"
)
RESOLVER = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"


def _refused(text: str, code: int | None = None, status: str = "", *sent_to: str) -> Report:
    return Report(
        "jo@example.com",
        permanent=True,
        text=text,
        smtp_code=code,
        status=status,
        sent_to=sent_to,
    )


@pytest.mark.parametrize(
    "report",
    [
        _refused(GOOGLE),
        _refused("5.1.1 The email account does not exist.\n5.1.1 Check it.", 550),
        _refused(POSTFIX),
        _refused("smtp; 550 5.1.1 <jo@example.com>... User unknown", None, "5.1.1"),
        _refused("sorry, no mailbox here by that name. (#5.1.1)", 550),
        _refused("", 550, "5.1.1"),
        _refused("511 5.1.1 sorry, no mailbox here by that name (chkuser)"),
        _refused(EDGE_BLOCKING),
        _refused("550 5.4.1 [jo@example.com]: Recipient address rejected: Access denied []"),
        _refused(RESOLVER),
        _refused("550 No such user here"),
        _refused("smtp;550 jo: Recipient unknown", 550),
        _refused("550 5.1.1 User unknown", 550, "5.1.1", "jo@EXAMPLE.com", "mary@example.org"),
        _refused("550 5.1.1 <policy.full@example.com> User unknown"),
    ],
)
def test_a_recipient_that_the_domain_does_not_know_has_bounced(report: Report) -> None:
    """These replies mean: this domain does not accept every address."""
    assert judge(report) is Verdict.BOUNCED


@pytest.mark.parametrize(
    "report",
    [
        # Transient, or not from the receiving server
        _refused("450 4.1.1 <jo@example.com>: User unknown in local recipient table"),
        _refused("4.1.1 User unknown"),
        _refused("5.1.1 User unknown", 450),
        _refused("5.1.1 Not delivering to a bounced address", 605),
        _refused("550 5.1.1 User unknown", None, "4.4.7"),
        _refused("554 5.4.7 [internal] message timeout (last transfail: 450 4.1.1 unknown user)"),
        # Another status
        _refused("550 5.1.2 Bad destination system address", 550),
        _refused("550 5.1.8 Sender domain does not exist"),
        _refused("556 5.1.10 Domain example.com does not accept mail (nullMX)"),
        _refused("550 5.1.0 Address rejected"),
        _refused("552 5.2.2 Mailbox full"),
        _refused("550 5.2.1 The email account that you tried to reach is disabled"),
        _refused("550 5.3.0 User unknown"),
        _refused("550 5.4.1 No answer from host"),
        _refused("550 5.4.310 DNS domain example.com does not exist"),
        _refused("550 5.7.1 Recipient address rejected: Access denied"),
        _refused("550 5.7.1 User unknown"),
        _refused("550 5.1.1 User unknown", None, "5.7.1"),
        # A status that another reason contradicts
        _refused("550 5.1.1 Mailbox full"),
        _refused("550 5.1.1 <jo@example.com> rejected: blocked using zen.spamhaus.org"),
        _refused("550 5.1.1 Message rejected due to local policy"),
        _refused("Amazon SES has suppressed sending to this address", None, "5.1.1"),
        _refused("550 5.1.1 Greylisted, try again later"),
        _refused("550 5.1.1 Domain example.com not found"),
        _refused("550 5.1.1 sender rejected"),
        _refused("550 5.1.1 relaying denied"),
        # 550 says too little
        _refused("550 Requested action not taken: mailbox unavailable"),
        _refused("550 Administrative prohibition", 550),
        _refused("", 550),
        _refused("No such user", None),
        _refused("554 delivery error: No such user"),
        _refused(""),
        # No status at all: parts of addresses and versions
        _refused("550 rejected by 5.1.1.22"),
        _refused("550 rejected by mta-5.1.1"),
        # Forwarded: another domain refused it
        _refused("550 5.1.1 <jo@example.org>: User unknown"),
        _refused("550 5.1.1 User unknown", None, "5.1.1", "list@example.org"),
    ],
)
def test_any_other_refusal_proves_nothing(report: Report) -> None:
    """A domain that takes every address may send each of these."""
    assert judge(report) is Verdict.NOTHING


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", Verdict.BOUNCED),
        ("554 delivery error: dd This account is not known here", Verdict.BOUNCED),
        ("550 5.1.1 User unknown", Verdict.BOUNCED),
        ("550 5.7.1 User unknown", Verdict.NOTHING),
        ("450 try again", Verdict.NOTHING),
        ("554 over quota", Verdict.NOTHING),
    ],
)
def test_a_provider_that_has_read_the_reply_is_believed(text: str, verdict: Verdict) -> None:
    """Unless the reply has another status or another reason."""
    report = Report("jo@example.com", permanent=True, no_such_recipient=True, text=text)
    assert judge(report) is verdict


def test_the_class_of_the_provider_comes_first() -> None:
    """A report that the provider does not call permanent proves nothing, whatever its text."""
    assert judge(Report("jo@example.com", text=POSTFIX)) is Verdict.NOTHING
    assert judge(Report("jo@example.com", delivered=True)) is Verdict.DELIVERED
