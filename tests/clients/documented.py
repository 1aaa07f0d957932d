"""The examples of an API document, each with its request."""

import asyncio
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from tests.clients.client import Client, Reply

Json = dict[str, Any]

METHODS = ("get", "put", "post")
STREAM = "text/event-stream"
BEGIN_SECONDS = 10.0
MOVING = {
    "getDomain",
    "postDomains",
    "getReady",
    "getPage",
    "getPulse",
    "getRates",
    "getChanges",
    "getSummary",
}
"""Their answers depend on earlier events: only the form of these answers is documented."""


@dataclass(frozen=True, slots=True)
class Example:
    """A documented answer, and its request if the document has one."""

    operation: str
    name: str
    method: str
    request: Json | None
    status: int
    media_type: str
    value: Any
    response: Json
    on_management: bool

    @property
    def body(self) -> bytes | None:
        """The body of the request."""
        if self.request is None or "body" not in self.request:
            return None
        body: bytes = self.request["body"].encode() * self.request.get("times", 1)
        return body


def operations(document: Json) -> Iterator[tuple[str, str, Json, bool]]:
    """Yield path, method and operation, and whether it is on the management port."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method.upper(), item[method], "servers" in item


def examples_of(document: Json) -> Iterator[Example]:
    """Yield every example of an answer."""
    for path, method, operation, on_management in operations(document):
        requests = _requests(path, operation)
        name = operation["operationId"]
        answered: set[str] = set()
        for status, response in operation["responses"].items():
            for example in _answers(name, method, status, response, requests, on_management):
                answered.add(example.name)
                yield example
        assert requests.keys() <= answered, f"{name}: nothing answers {requests.keys() - answered}"
    for response in document["components"]["responses"].values():
        (media,) = response["content"].values()
        (example,) = media["examples"].values()
        status = str(example["value"]["status"])
        yield from _answers("", "GET", status, response, {}, on_management=False)


async def begin(client: Client, url: str) -> Reply:
    """Request a stream, and close it after the first block: a stream has no end."""
    async with asyncio.timeout(BEGIN_SECONDS), client.http.get(url) as answer:
        text = (await answer.content.readuntil(b"\n\n")).decode()
        return Reply(answer.status, answer.headers, None, text)


async def send(client: Client, base: str, example: Example) -> Reply:
    """Send the request of *example*."""
    request = example.request
    assert request is not None
    url = f"{base}{request['target']}"
    if example.media_type == STREAM and example.status == 200:
        return await begin(client, url)
    return await client.request(
        example.method,
        url,
        headers=request.get("headers"),
        data=None if example.body is None else io.BytesIO(example.body),
        skip_auto_headers={"Content-Type"},
    )


def check(example: Example, reply: Reply, document: Json) -> None:
    """Assert that *reply* matches the document."""
    about = f"{example.operation} {example.name}: {reply.status} {reply.text[:300]}"
    assert reply.status == example.status, about
    for name, header in example.response.get("headers", {}).items():
        assert name in reply.headers or not header.get("required"), f"{about}: no {name}"
    if not example.media_type:
        assert reply.text == "", about
        return
    assert reply.headers["Content-Type"].partition(";")[0] == example.media_type, about
    said = reply.text if reply.body is None else reply.body
    jsonschema_rs.Draft202012Validator(
        {
            **example.response["content"][example.media_type]["schema"],
            "components": document["components"],
        }
    ).validate(said)
    assert (example.operation in MOVING and example.status == 200) or said == example.value, about


def _requests(path: str, operation: Json) -> dict[str, Json]:
    """Return the requests that the examples of parameters and bodies describe, by name."""
    names: dict[str, Json] = {}
    for parameter in operation.get("parameters", ()):
        for name, example in parameter.get("examples", {}).items():
            request = names.setdefault(name, {"target": path, "headers": {}})
            if parameter["in"] == "path":
                value = str(example["value"])
                request["target"] = request["target"].replace(f"{{{parameter['name']}}}", value)
            else:
                request["headers"][parameter["name"]] = example["value"]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        for name, example in content.get("examples", {}).items():
            value = example["value"]
            request = names.setdefault(name, {"target": path, "headers": {}})
            request["headers"]["Content-Type"] = media_type
            request["body"] = value if isinstance(value, str) else json.dumps(value)
    return names


def _answers(
    operation: str,
    method: str,
    status: str,
    response: Json,
    requests: Mapping[str, Json],
    on_management: bool,  # noqa: FBT001 one of the facts of an example
) -> Iterator[Example]:
    said = [
        (media_type, name, example)
        for media_type, content in response.get("content", {}).items()
        for name, example in content.get("examples", {}).items()
    ]
    if not said and status.startswith("2"):
        media_type = next(iter(response.get("content", {})), "")
        said = [(media_type, name, {"value": None}) for name in requests]
    for media_type, name, example in said:
        request = example.get("x-request") or (requests.get(name) if status < "3" else None)
        yield Example(
            operation,
            name,
            request.get("method", method) if request else method,
            request,
            int(status),
            media_type,
            example["value"],
            response,
            on_management,
        )
