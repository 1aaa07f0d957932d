"""The page and its files, as they go over the wire."""

import gzip
import re
from pathlib import Path

import pytest
from aiohttp import web

import query
from query.lookup.answer import Answer, answer_of
from query.page.route import build_page_routes
from query.page.static_files import FILES
from shared.errors import StoreUnavailableError
from shared.http.routing import Router
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.requests import ask, json_of

COUNTERS = {
    "some.example": Counters(204, 0),
    "all.example": Counters(12_041, 0),
    "not.example": Counters(5000, 1),
    "xn--bcher-kva.example": Counters(7, 0),
}


async def look_up(domain: DomainName) -> Answer:
    """Answer from a table; one domain has no answer."""
    if domain == "down.example":
        raise StoreUnavailableError("No <quorum>.")
    return answer_of(domain, COUNTERS.get(domain, Counters()), 1000)


@pytest.fixture(scope="module")
def router() -> Router:
    """The routes of the page alone."""
    return Router(build_page_routes(look_up))


def text_of(response: web.Response) -> str:
    """Return the page as text."""
    assert isinstance(response.body, bytes)
    return response.body.decode()


def answer_in(page: str) -> str:
    """Return what stands in the place of the answer."""
    return page.partition('aria-live="polite">')[2].partition("</section>")[0]


@pytest.mark.parametrize("path", ["/", "/docs", "/?domain=some.example", "/static/main.js"])
async def test_every_page_forbids_what_comes_from_elsewhere(router: Router, path: str) -> None:
    """No script, style or frame but our own, and nothing inline."""
    headers = (await ask(router, "GET", path)).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert {"base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"} <= set(
        policy.split("; ")
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["index.html", "docs.html"])
def test_no_page_has_anything_inline_or_from_elsewhere(name: str) -> None:
    """The policy would forbid it, so it is not even tried."""
    html = (Path(query.__file__).parent / "page" / "static" / name).read_text()
    assert "style=" not in html
    assert "//" not in html
    assert html.count("<script") == html.count("<script src=") + html.count("<script type=")
    assert not re.search(r"\son\w+=", html)


@pytest.mark.parametrize("path", ["/", "/docs", "/static/style.css"])
async def test_who_has_a_file_gets_a_304(router: Router, path: str) -> None:
    """The tag is that of the content; another tag gets the content."""
    first = await ask(router, "GET", path)
    assert (first.status, first.headers["Cache-Control"]) == (200, "no-cache")
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await ask(router, "GET", path, headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, None, tag)
        assert again.headers["Content-Security-Policy"]
    changed = await ask(router, "GET", path, headers={"If-None-Match": '"other"'})
    assert changed.status == 200


async def test_who_takes_gzip_gets_the_same_content_packed(router: Router) -> None:
    """Both forms have names of their own, and caches are told to keep them apart."""
    path = "/static/vendor/swagger-ui/swagger-ui-bundle.js"
    plain = await ask(router, "GET", path)
    packed = await ask(router, "GET", path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert isinstance(plain.body, bytes)
    assert isinstance(packed.body, bytes)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    refused = await ask(router, "GET", path, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


@pytest.mark.parametrize("name", FILES)
async def test_each_file_is_served_as_what_it_is(router: Router, name: str) -> None:
    """Its type is said, as nothing may be guessed."""
    response = await ask(router, "GET", f"/static/{name}")
    assert (response.status, response.content_type) == (200, FILES[name])


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/index.html",
        "/static/vendor/README.md",
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/static/..%2fpage.py",
        "/static//etc/passwd",
        "/static/style.css/",
        "/static/style.css%00",
        "/query/page/route.py",
    ],
)
async def test_nothing_but_the_list_is_served(router: Router, path: str) -> None:
    """A path never reaches the file system."""
    response = await ask(router, "GET", path)
    assert (response.status, json_of(response)["code"]) == (404, "unknown_path")


@pytest.mark.parametrize(
    ("domain", "shown"),
    [
        ("some.example", "Unknown"),
        ("all.example", "Catch-all"),
        ("not.example", "Not catch-all"),
        ("never.example", "Unknown"),
    ],
)
async def test_a_look_up_without_a_script_shows_one_status(
    router: Router, domain: str, shown: str
) -> None:
    """The words for the other statuses are there too, hidden."""
    response = await ask(router, "GET", f"/?domain={domain}")
    card = answer_in(text_of(response))
    assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
    assert f'data-domain="{domain}" data-status="{shown.lower()}"' in card
    visible = [
        name
        for name in ("Unknown", "Catch-all", "Not catch-all")
        if f'data-for="{name.lower()}">{name}<' in card
    ]
    assert visible == [shown]


async def test_a_look_up_shows_how_far_a_domain_is(router: Router) -> None:
    """The meter, in words and to scale."""
    card = answer_in(text_of(await ask(router, "GET", "/?domain=some.example")))
    assert '<span data-field="delivered">204</span> of 1,001 deliveries' in card
    assert 'width="20.4%"' in card
    beyond = answer_in(text_of(await ask(router, "GET", "/?domain=all.example")))
    assert 'width="100.0%"' in beyond
    assert "12,041" in beyond


async def test_an_internationalised_name_is_shown_both_ways(router: Router) -> None:
    """As people write it, as the DNS has it, and as it was typed."""
    card = answer_in(text_of(await ask(router, "GET", "/?domain=B%C3%9CCHER.example")))
    assert "<h3><bdi>bücher.example</bdi></h3>" in card
    assert "<code>xn--bcher-kva.example</code>" in card
    assert "<code>BÜCHER.example</code>" in card
    plain = answer_in(text_of(await ask(router, "GET", "/?domain=some.example")))
    assert "You typed" not in plain
    assert "In the DNS" not in plain


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
async def test_what_was_typed_is_text(router: Router, typed: str) -> None:
    """Neither the form nor the refusal lets it become anything else."""
    target = "/?domain=" + "".join(f"%{byte:02x}" for byte in typed.encode())
    response = await ask(router, "GET", target)
    page = text_of(response)
    assert response.status == 400
    assert "<script>alert" not in page
    assert "<img" not in page
    assert 'data-code="forbidden_character"' in page


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("localhost", "single_label"),
        ("", "empty_domain"),
        ("127.0.0.1", "ip_address"),
        ("%ff.example", "forbidden_character"),
        ("%00.example", "forbidden_character"),
        ("a" * 300, "domain_too_long"),
    ],
)
async def test_what_is_no_domain_is_refused_in_words(router: Router, typed: str, code: str) -> None:
    """The page says why, and answers 400."""
    response = await ask(router, "GET", f"/?domain={typed}")
    page = text_of(response)
    assert (response.status, response.content_type) == (400, "text/html")
    assert f'data-code="{code}"' in page
    assert "a" * 81 not in page


async def test_a_store_that_cannot_answer_is_said_so(router: Router) -> None:
    """It is no answer, and no page that a cache may keep."""
    response = await ask(router, "GET", "/?domain=down.example")
    assert (response.status, response.headers["Cache-Control"]) == (503, "no-store")
    assert response.headers["Retry-After"]
    assert "No &lt;quorum&gt;." in text_of(response)


async def test_a_page_without_a_question_has_no_answer(router: Router) -> None:
    """The place is empty, and so is the field."""
    page = text_of(await ask(router, "GET", "/"))
    assert answer_in(page).startswith("</div>")
    assert 'value=""' in page
