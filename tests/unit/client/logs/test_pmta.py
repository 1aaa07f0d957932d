"""Rows of PowerMTA's accounting file, in recorded shape with other names and addresses."""

import pytest

from client.logs.pmta import PmtaParser
from tests.unit.client.logs.reading import Said, read

HEADER = (
    "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,"
    "srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp"
)
MTA = "mx.b.example (104.16.1.1)"


def row(kind: str, status: str, text: str, *, mta: str = MTA, peer: str = "104.16.1.1") -> str:
    """Return the line of a row."""
    return (
        f"{kind},2026-11-29 01:02:03+0000,2026-11-29 01:02:01+0000,news@a.example,u@b.example,,"
        f'relayed,{status},"{text}",{mta},other,smtp,app (10.0.0.2),smtp,10.0.0.1,{peer}'
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (row("d", "2.0.0 (success)", "smtp;250 2.0.0 OK"), [("b.example", "delivered")]),
        (
            row("b", "5.1.1 (bad destination mailbox address)", "smtp;550 5.1.1 no such user"),
            [("b.example", "bounced")],
        ),
        (
            row("b", "5.0.0 (undefined status)", "smtp;550 Sorry, no mailbox here by that name"),
            ["bounce that proves nothing: 5.0.0"],
        ),
        (
            row("b", "5.2.2 (mailbox full)", 'smtp;552 ""box"", over quota'),
            ["bounce that proves nothing: 5.2.2"],
        ),
        (
            row("b", "5.1.1 (bad destination)", "suppressed", mta="", peer=""),
            ["refused by the sending system itself"],
        ),
        (row("d", "2.0.0", "smtp;250 ok", peer="127.0.0.1"), ["handed to a system inside"]),
        (row("t", "4.2.2", "smtp;452 try later"), ["deferred"]),
        (row("rb", "5.1.1", "smtp;550 5.1.1 no such user"), ["no delivery attempt"]),
        ("d,too,short", ["unreadable"]),
        ("d,a bare\rreturn", ["unreadable"]),
    ],
)
def test_a_row_counts_only_if_another_system_said_so(line: str, said: Said) -> None:
    """Of bounces only those that prove that an address does not exist."""
    parse = PmtaParser()

    assert read(parse, HEADER) == []
    assert read(parse, line) == said


def test_the_columns_may_be_others() -> None:
    """A file has the columns that its configuration names."""
    parse = PmtaParser()
    read(parse, "type,rcpt,dsnDiag,dsnStatus")

    assert read(parse, "b,u@b.example,smtp;550 5.1.1 user unknown,5.1.1") == [
        ("b.example", "bounced")
    ]
    assert read(PmtaParser(), "d,u@b.example,,") == ["unreadable"]
