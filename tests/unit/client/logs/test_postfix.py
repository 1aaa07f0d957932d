"""Lines of Postfix's log, in recorded shape with other names and addresses."""

import pytest

from client.event import Event
from client.logs.postfix import parse_line
from tests.unit.client.logs.reading import Said, read

OLD = "Nov 29 01:02:03 mx1 postfix/smtp[2211]: 4F2A1C0123: "
NEW = "2026-11-29T01:02:03.456789+01:00 mx1 postfix-out/smtp[77]: 4ZbQk14Yx7z9rxk: "
DELAYS = "delay=1.2, delays=0.1/0/0.5/0.6, "
MX = "relay=mx.b.example[104.16.1.1]:25, "
SAID = "host mx.b.example[104.16.1.1] said: "
ALIASED = "to=<U@B.Example>, orig_to=<a@c.example>, "
TO_RCPT = " (in reply to RCPT TO command)"


def attempt(
    status: str, text: str, dsn: str, *, relay: str = MX, to: str = "to=<u@b.example>, "
) -> str:
    """Return the end of a line about one attempt."""
    return f"{to}{relay}{DELAYS}dsn={dsn}, status={status} ({text})"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (OLD + attempt("sent", "250 2.0.0 OK 1764 - gsmtp", "2.0.0"), [("b.example", "delivered")]),
        (NEW + attempt("sent", "250 ok", "2.0.0"), [("b.example", "delivered")]),
        (
            OLD + attempt("sent", "250 ok", "2.0.0", to=ALIASED),
            [("b.example", "delivered")],
        ),
        (
            OLD + attempt("sent", "250 ok", "2.0.0", to='to=<"x, y>z"@b.example>, '),
            [("b.example", "delivered")],
        ),
        (
            OLD.replace("postfix/smtp", "postfix/relay/smtp") + attempt("sent", "250 ok", "2.0.0"),
            [("b.example", "delivered")],
        ),
        (
            OLD
            + attempt(
                "bounced",
                f"{SAID}550 5.1.1 <u@b.example>: Recipient address rejected: User unknown{TO_RCPT}",
                "5.1.1",
            ),
            [("b.example", "bounced")],
        ),
        (
            OLD
            + attempt(
                "bounced",
                f"{SAID}550-5.1.1 The account that you tried to reach does not exist. 550 5.1.1"
                f" https://support.example/mail{TO_RCPT}",
                "5.1.1",
            ),
            [("b.example", "bounced")],
        ),
        (
            OLD + attempt("bounced", f"{SAID}550 No such user here{TO_RCPT}", "5.0.0"),
            ["bounce that proves nothing: 5.0.0"],
        ),
        (
            OLD + attempt("bounced", f"{SAID}552 5.2.2 Mailbox full{TO_RCPT}", "5.2.2"),
            ["bounce that proves nothing: 5.2.2"],
        ),
        (
            OLD + attempt("bounced", f"{SAID}550 5.7.1 blocked{TO_RCPT}", "5.7.1"),
            ["bounce that proves nothing: 5.7.1"],
        ),
        (
            OLD
            + attempt(
                "bounced",
                "Host or domain name not found. Name service error for name=b.example"
                " type=AAAA: Host not found",
                "5.4.4",
                relay="relay=none, ",
            ),
            ["refused by the sending system itself"],
        ),
        (
            OLD + attempt("bounced", "message size 99 exceeds size limit 9 of server", "5.3.4"),
            ["refused by the sending system itself"],
        ),
        (
            OLD
            + attempt(
                "sent",
                "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4F2A1C0124",
                "2.0.0",
                relay="relay=127.0.0.1[127.0.0.1]:10024, ",
            ),
            ["handed to a system inside"],
        ),
        (
            OLD + attempt("sent", "250 ok", "2.0.0", relay="relay=hub[10.0.0.7]:25, "),
            ["handed to a system inside"],
        ),
        (
            OLD + attempt("deferred", f"{SAID}450 4.2.0 Greylisted{TO_RCPT}", "4.2.0"),
            ["deferred"],
        ),
        (
            OLD + attempt("expired", "delivery temporarily suspended", "4.4.1"),
            ["expired"],
        ),
        (OLD + "to=<u@b.example>, relay=mx.b.example, status=sent", ["unreadable"]),
        ("Nov 29 01:02:03 mx1 postfix/qmgr[9]: 4F2A1C0123: removed", ["no delivery attempt"]),
        (
            OLD.replace("/smtp[", "/local[")
            + attempt("sent", "delivered to mailbox", "2.0.0", relay="relay=local, "),
            ["no delivery attempt"],
        ),
        ("", ["no delivery attempt"]),
    ],
)
def test_a_line_counts_only_if_another_system_said_so(line: str, said: Said) -> None:
    """Of bounces only those that prove that an address does not exist."""
    assert read(parse_line, line) == said


def test_reading_a_line_again_gives_the_same_id() -> None:
    """So that it counts once; another line has another."""
    first = OLD + attempt("sent", "250 ok", "2.0.0")
    ids = [
        entry.id
        for line in (first, first + "\n", first.replace("01:02:03", "01:02:04"))
        for entry in parse_line(line)
        if isinstance(entry, Event)
    ]

    assert ids[0] == ids[1] != ids[2]
