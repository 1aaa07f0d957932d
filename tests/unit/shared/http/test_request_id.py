"""Which name a request has, and when its answer says so."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from shared.http.request_ids import id_of, id_to_answer


def request_named(name: str | None) -> web.BaseRequest:
    """Return a request that says *name* of itself."""
    return make_mocked_request("GET", "/", {} if name is None else {"X-Request-Id": name})


@pytest.mark.parametrize("name", ["a", "9f/b:c~!", "x" * 64])
def test_a_request_keeps_the_name_that_it_came_with(name: str) -> None:
    """Whoever sent it finds it again in our log."""
    assert id_of(request_named(name)) == name


@pytest.mark.parametrize("name", [None, "", "x" * 65, "a b", "ä", "a\x7f", "a\tb"])
def test_a_request_without_a_good_name_gets_one_of_its_own(name: str | None) -> None:
    """What is no name is never said again; another request gets another."""
    request = request_named(name)
    made = id_of(request)

    assert made != name
    assert made.isascii()
    assert len(made) == 16
    assert id_of(request) == made
    assert id_of(request_named(name)) != made


@pytest.mark.parametrize(("status", "said"), [(202, False), (304, False), (400, True), (503, True)])
def test_who_sent_no_name_is_told_one_only_with_a_refusal(status: int, said: bool) -> None:  # noqa: FBT001 a column of the table
    """The answers that are many are the same for all."""
    assert (id_to_answer(request_named(None), status) is not None) is said


def test_who_sent_a_name_is_told_it_with_every_answer() -> None:
    """And who sent a bad one is told the one that we use instead."""
    assert id_to_answer(request_named("a-1"), 202) == "a-1"
    assert id_to_answer(request_named("a b"), 202) not in {None, "a b"}
