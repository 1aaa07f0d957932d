"""The fuzzer's target: bytes become requests, a node answers them, and the answers are judged.

Run by ``python -m tests.tools.fuzz``, with libFuzzer's options as arguments.
"""

import sys
from urllib.parse import quote_from_bytes

import atheris

with atheris.instrument_imports(include=["ingest", "shared"]):
    from shared.errors import BrokerUnavailableError
    from tests.tools.fuzz.answers import check_form, parse_answers
    from tests.tools.fuzz.framing import GZIP, NDJSON, compress, frame
    from tests.tools.fuzz.judge import Request, judge
    from tests.tools.fuzz.node import FuzzedNode, open_node

_GOOD = b'{"domain": "a.example", "event": "delivered"}'
_LINES = [
    _GOOD,
    b'{"domain": "B.example.", "event": "bounced", "count": 1000000}',
    b'{"domain": "c.example", "event": "delivered", "id": "k-1"}',
    b'{"domain": "c.example", "event": "delivered", "id": "k-1", "count": 2}',
    b'{"domain": "b\xc3\xbccher.example", "event": "bounced", "count": 3}',
    b'{"domain": "a.example", "event": "delivered", "count": 0}',
    b'{"domain": "10.0.0.1", "event": "delivered"}',
    b'{"domain": "a.example", "event": "opened"}',
    b'{"domain": "a.example", "event": "delivered", "other": 1}',
    b'{"domain": "a.example",',
    b"[]",
    b"null",
    b"",
    b" \t\r",
]
_ENDS = [b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"", b" "]
_TYPES = [NDJSON, NDJSON, NDJSON, NDJSON + "; charset=utf-8", "Content-Type: text/plain", "X: y"]
_CODINGS = ["", "", "", GZIP, GZIP, "Content-Encoding: br", "Content-Encoding: identity"]
_METHODS = ["PUT", "PUT", "PUT", "PUT", "GET", "POST", "HEAD", "DELETE"]
_PATHS = ["/events/{}/delivered", "/events/{}/bounced", "/events/{}/x", "/events/{}", "/{}"]
_COUNTS = [2, 60, 499, 500, 501, 4_999, 5_000, 5_001]
_MAX_BODY = 1024 * 1024
_SIZES = [0, 4096, 4097]


def put(data: atheris.FuzzedDataProvider) -> Request:
    """Return a request for one event, more or less."""
    domain = quote_from_bytes(data.ConsumeBytes(data.ConsumeIntInRange(0, 40)), safe="@:;,")
    if data.ConsumeBool():
        domain = "a.example"
    target = data.PickValueInList(_PATHS).format(domain)
    method = data.PickValueInList(_METHODS)
    key = None
    if data.ConsumeBool():
        text = data.ConsumeBytes(data.ConsumeIntInRange(0, 70))
        key = text.translate(None, b"\r\n\0").strip(b" \t").decode("latin-1")
    headers = [] if key is None else [f"Idempotency-Key: {key}"]
    body = b"x" * data.PickValueInList(_SIZES)
    sent = frame(method, target, headers, body, data.PickValueInList([0, 0, 1000]))
    return Request(method, target, sent, b"", key)


def post(data: atheris.FuzzedDataProvider) -> Request:
    """Return a request of lines, good ones and others."""
    pieces = []
    for _ in range(data.ConsumeIntInRange(0, 8)):
        line = data.PickValueInList(_LINES)
        if data.ConsumeBool():
            at = data.ConsumeIntInRange(0, len(line))
            skipped = data.ConsumeIntInRange(0, 4)
            inserted = data.ConsumeBytes(data.ConsumeIntInRange(0, 12))
            line = line[:at] + inserted + line[at + skipped :]
        pieces.append(line + data.PickValueInList(_ENDS))
    body = b"".join(pieces)
    # Large ones take a thousand times longer, so they are rare.
    large = data.ConsumeIntInRange(0, 63)
    if large == 1:
        body = (body * data.PickValueInList(_COUNTS))[: 2 * _MAX_BODY]
    elif large == 2:
        body = body.ljust(data.PickValueInList([_MAX_BODY, _MAX_BODY + 1]), b" ")
    coding = data.PickValueInList(_CODINGS)
    sent = compress(body, data.PickValueInList([1, 2, 64])) if coding == GZIP else body
    if data.ConsumeIntInRange(0, 15) == 1:
        sent = sent[: data.ConsumeIntInRange(0, len(sent))] + b"damaged!"
        body = sent if coding != GZIP else b""  # of a damaged file no line may be taken
    headers = [line for line in (data.PickValueInList(_TYPES), coding) if line]
    framed = frame("POST", "/events", headers, sent, data.PickValueInList([0, 0, 7_000]))
    return Request("POST", "/events", framed, body)


def try_requests(node: FuzzedNode, data: atheris.FuzzedDataProvider) -> None:
    """Send requests whose meaning is known, one behind the other; Kafka may refuse some."""
    if data.ConsumeIntInRange(0, 3) == 3:
        refusals = data.ConsumeIntInRange(1, 4)
        node.topic.fail(*[BrokerUnavailableError("refused")] * refusals)
    requests = [
        (put if data.ConsumeBool() else post)(data) for _ in range(data.ConsumeIntInRange(1, 4))
    ]
    received = node.exchange(b"".join(request.sent for request in requests))
    judge(requests, parse_answers(received, [r.method for r in requests]), node.stored())


def try_bytes(node: FuzzedNode, data: atheris.FuzzedDataProvider) -> None:
    """Send PUTs with anything in them: every answer has a form, and each 202 is one event."""
    whole = frame("PUT", "/events/a.example/delivered", ["Idempotency-Key: k"]) * 2
    at = data.ConsumeIntInRange(0, len(whole))
    skipped = data.ConsumeIntInRange(0, 8)
    inserted = data.ConsumeBytes(atheris.ALL_REMAINING)
    if b"HEAD" in inserted or b"POST" in inserted:
        return  # their answers are framed, or mean, something else
    answers = parse_answers(node.exchange(whole[:at] + inserted + whole[at + skipped :]))
    for answer in answers:
        check_form(answer)
        assert not answer.closes or answer is answers[-1], "an answer came behind the last one"
    stored = sum(event.count for event in node.stored())
    assert stored == sum(answer.status == 202 for answer in answers), answers


def main() -> None:
    """Fuzz until libFuzzer ends the process: it never returns."""
    with open_node() as node:

        def try_input(data: bytes) -> None:
            provider = atheris.FuzzedDataProvider(data)
            node.reset()
            attempt = try_bytes if provider.ConsumeIntInRange(0, 7) == 7 else try_requests
            attempt(node, provider)
            node.check_at_rest()

        atheris.Setup(sys.argv, try_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
