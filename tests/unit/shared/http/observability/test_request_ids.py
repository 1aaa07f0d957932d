"""The id of a request, and when its response has it."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from shared.http.observability.request_ids import id_of, id_to_answer


def request_named(name: str | None) -> web.BaseRequest:
    """Return a request whose sender has chosen the id *name*."""
    return make_mocked_request("GET", "/", {} if name is None else {"X-Request-Id": name})


@pytest.mark.parametrize("name", ["a", "9f/b:c~!", "x" * 64])
def test_a_request_keeps_the_id_of_its_sender(name: str) -> None:
    """Its sender can find it in our log."""
    assert id_of(request_named(name)) == name


@pytest.mark.parametrize("name", [None, "", "x" * 65, "a b", "ä", "a\x7f", "a\tb"])
def test_a_request_without_a_valid_id_gets_a_new_one(name: str | None) -> None:
    """An invalid id is never repeated; each request gets a different one."""
    request = request_named(name)
    made = id_of(request)

    assert made != name
    assert made.isascii()
    assert len(made) == 16
    assert id_of(request) == made
    assert id_of(request_named(name)) != made


@pytest.mark.parametrize(("status", "said"), [(202, False), (304, False), (400, True), (503, True)])
def test_without_an_id_only_a_refusal_gets_one(status: int, said: bool) -> None:  # noqa: FBT001 a column of the table
    """Accepted requests share one prebuilt response."""
    assert (id_to_answer(request_named(None), status) is not None) is said


def test_every_response_repeats_the_id_of_its_sender() -> None:
    """A response to an invalid id has the new one."""
    assert id_to_answer(request_named("a-1"), 202) == "a-1"
    assert id_to_answer(request_named("a b"), 202) not in {None, "a b"}
