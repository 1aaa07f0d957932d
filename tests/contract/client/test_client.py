"""The client sends until every event has an outcome, and goes on where a stream broke."""

import json
from contextlib import aclosing

import pytest

from client.errors import RefusedError, UnavailableError
from client.event import Event
from tests.contract.client.service import DROPPED, open_service

EVENTS = [Event(f"d{n}.example", "delivered", n + 1) for n in range(4)]
FULL = {"code": "node_full", "detail": "This node has reached its limit."}
STATUS = {"status": "unknown", "delivered": 1, "bounced": 0}


async def test_lines_that_failed_are_sent_again_and_no_others() -> None:
    """With the same ids; lines that were rejected are not."""
    rejected = {"line": 2, "code": "single_label", "detail": "It has no dot."}
    answer = {"code": "broker_unavailable", "accepted": 1, "rejected": [rejected], "failed": [1, 4]}
    async with open_service(patience_seconds=10) as (service, client):
        service.answers.append((503, answer))
        result = await client.send(EVENTS)

    first, second = service.batches
    assert second == [first[0], first[3]]
    assert (result.accepted, result.failed, result.in_doubt) == (1 + 3 + 4, [], [])
    assert [(each.event.domain, each.code) for each in result.rejected] == [
        ("d1.example", "single_label")
    ]


@pytest.mark.parametrize("planned", [DROPPED, (503, FULL), (429, {"code": "quota_exceeded"})])
async def test_a_request_without_an_outcome_is_sent_again(
    planned: str | tuple[int, dict[str, str]],
) -> None:
    """Each event has the same id as before, so none of them can count twice."""
    async with open_service(patience_seconds=10) as (service, client):
        service.answers.extend([planned, planned])
        result = await client.send(EVENTS)

    assert service.batches[0] == service.batches[1] == service.batches[2]
    assert len({line["id"] for line in service.batches[0]}) == len(EVENTS)
    assert (result.accepted, result.good) == (10, True)


async def test_events_whose_answer_was_lost_for_good_are_in_doubt() -> None:
    """Others were certainly not stored; a caller sends both again."""
    async with open_service(patience_seconds=0.1) as (service, client):
        service.answers.append(DROPPED)
        service.answers.extend([(503, FULL)] * 20)
        lost = await client.send(EVENTS[:1])
        refused = await client.send(EVENTS[1:])

    assert (lost.failed, [event.domain for event in lost.in_doubt]) == ([], ["d0.example"])
    assert lost.in_doubt[0].id
    assert (len(refused.failed), refused.in_doubt) == (3, [])


async def test_a_refusal_is_an_error() -> None:
    """The same request would be refused again."""
    async with open_service(patience_seconds=10) as (service, client):
        service.answers.append((401, {"code": "unauthorized", "detail": "Send a key."}))
        with pytest.raises(RefusedError, match=r"Send a key\. \(401 unauthorized\)"):
            await client.send(EVENTS)
        assert len(service.batches) == 1


@pytest.mark.parametrize("end_of_first", [[], [b""]], ids=["cut off", "without a last line"])
async def test_an_export_goes_on_after_its_last_whole_line(end_of_first: list[bytes]) -> None:
    """Whatever part of a line arrived; its totals are then unknown."""
    lines = [json.dumps({"domain": f"d{n}.example", **STATUS}).encode() + b"\n" for n in range(4)]
    end = b'{"complete":true,"totals":{"unknown":2},"cursor":null}\n'
    async with open_service(patience_seconds=10) as (service, client):
        service.streams.extend(
            [[lines[0], lines[1], lines[2][:20], *end_of_first], [lines[2], lines[3], end]]
        )
        found = [item async for item in client.export()]

    assert service.requested == ["", "d1.example"]
    assert [item.get("domain") for item in found] == [f"d{n}.example" for n in range(4)] + [None]
    assert found[-1] == {"complete": True, "totals": None}


async def test_the_totals_of_parts_add_up() -> None:
    """A node that ends early says how far it was."""
    line = json.dumps({"domain": "d0.example", **STATUS}).encode() + b"\n"
    parts = [
        b'{"complete":false,"totals":{"catch-all":3,"unknown":1},"cursor":"z.example"}\n',
        b'{"complete":true,"totals":{"catch-all":4,"unknown":0},"cursor":null}\n',
    ]
    async with open_service(patience_seconds=10) as (service, client):
        service.streams.extend([[line + parts[0]], [parts[1]]])
        found = [item async for item in client.export(status="unknown")]

    assert service.requested == ["", "z.example"]
    assert found[-1]["totals"] == {"catch-all": 7, "unknown": 1}


async def test_the_feed_is_resumed_after_the_last_event() -> None:
    """Until the patience ends."""
    async with open_service(patience_seconds=1.0) as (service, client):
        service.streams.extend(
            [[b"retry: 10\n\nid: 5-1\ndata: 1\n\nid: 6-1\ndata: 2"], [b"id: 6-1\ndata: 2\n\n"]]
        )
        async with aclosing(client.watch("4-1")) as events:
            seen = [await anext(events), await anext(events)]
            with pytest.raises(UnavailableError):
                await anext(events)

    assert [event.data for event in seen] == ["1", "2"]
    assert service.requested[:2] == ["4-1", "5-1"]
