"""The page and its files as HTTP responses."""

import gzip
import re
from pathlib import Path

import pytest
from aiohttp import web

import query
from query.lookup.answer import Answer, answer_of
from query.page.route import build_page_routes
from query.page.static_files import FOLDER, list_files
from shared.errors import StoreUnavailableError
from shared.http.application import build_application
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.requests import ask, json_of

PARTS = [f"parts/{path.name}" for path in (FOLDER / "parts").iterdir()]
COUNTERS = {
    "some.example": Counters(204, 0),
    "all.example": Counters(12_041, 0),
    "not.example": Counters(5000, 1),
    "xn--bcher-kva.example": Counters(7, 0),
}


async def look_up(domain: DomainName) -> Answer:
    """Return an answer from a table; one domain fails."""
    if domain == "down.example":
        raise StoreUnavailableError("No <quorum>.")
    return answer_of(domain, COUNTERS.get(domain, Counters()), 1000)


@pytest.fixture(scope="module")
def app() -> web.Application:
    """The routes of the page."""
    return build_application(build_page_routes(look_up))


def text_of(response: web.Response) -> str:
    """Return the page as text."""
    assert isinstance(response.body, bytes)
    return response.body.decode()


def answer_in(page: str) -> str:
    """Return the part of the page that has the answer."""
    return page.partition('aria-live="polite">')[2].partition("</section>")[0]


@pytest.mark.parametrize(
    "path", ["/", "/operators", "/docs", "/?domain=some.example", "/static/main.js"]
)
async def test_every_page_forbids_foreign_and_inline_sources(
    app: web.Application, path: str
) -> None:
    """Scripts, styles and frames come from this origin only."""
    headers = (await ask(app, "GET", path)).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert {"base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"} <= set(
        policy.split("; ")
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["index.html", "operators.html", "docs.html", *PARTS])
def test_no_page_has_foreign_or_inline_sources(name: str) -> None:
    """The policy would block them."""
    html = (Path(query.__file__).parent / "page" / "static" / name).read_text()
    assert "style=" not in html
    assert "//" not in html
    assert html.count("<script") == html.count("<script src=") + html.count("<script type=")
    assert not re.search(r"\son\w+=", html)


@pytest.mark.parametrize("path", ["/", "/operators", "/docs", "/static/css/page.css"])
async def test_a_client_with_the_current_file_gets_304(app: web.Application, path: str) -> None:
    """The ETag is a hash of the content; another tag gets the content."""
    first = await ask(app, "GET", path)
    assert (first.status, first.headers["Cache-Control"]) == (200, "no-cache")
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await ask(app, "GET", path, headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, None, tag)
        assert again.headers["Content-Security-Policy"]
    changed = await ask(app, "GET", path, headers={"If-None-Match": '"other"'})
    assert changed.status == 200


async def test_a_client_that_accepts_gzip_gets_the_same_content_compressed(
    app: web.Application,
) -> None:
    """The two forms have different ETags, and ``Vary`` keeps them apart in caches."""
    path = "/static/vendor/swagger-ui/swagger-ui-bundle.js"
    plain = await ask(app, "GET", path)
    packed = await ask(app, "GET", path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert isinstance(plain.body, bytes)
    assert isinstance(packed.body, bytes)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    refused = await ask(app, "GET", path, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


@pytest.mark.parametrize(("name", "content_type"), list_files().items())
async def test_each_file_has_its_content_type(
    app: web.Application, name: str, content_type: str
) -> None:
    """Browsers must not guess it."""
    response = await ask(app, "GET", f"/static/{name}")
    assert (response.status, response.content_type) == (200, content_type)


def test_every_file_that_a_page_or_a_script_names_is_served() -> None:
    """A folder or a name that changes must change everywhere."""
    named = set()
    for page in FOLDER.glob("*.html"):
        named |= set(re.findall(r'(?:src|href)="/static/([^"]+)"', page.read_text()))
    for script in FOLDER.rglob("*.js"):
        if "vendor" not in script.parts:
            for path in re.findall(r'(?:from|import\() ?"(\.[^"]+)"', script.read_text()):
                named.add(str((script.parent / path).resolve().relative_to(FOLDER)))
    assert len(named) > 15
    assert named <= list_files().keys()


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/index.html",
        "/static/parts/access.html",
        "/static/vendor/README.md",
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/static/..%2fpage.py",
        "/static//etc/passwd",
        "/static/css/page.css/",
        "/static/css/page.css%00",
        "/query/page/route.py",
    ],
)
async def test_only_the_listed_files_are_served(app: web.Application, path: str) -> None:
    """A request path never reaches the file system."""
    response = await ask(app, "GET", path)
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
async def test_a_lookup_without_a_script_shows_one_status(
    app: web.Application, domain: str, shown: str
) -> None:
    """The texts of the other statuses are hidden."""
    response = await ask(app, "GET", f"/?domain={domain}")
    card = answer_in(text_of(response))
    assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
    assert f'data-domain="{domain}" data-status="{shown.lower()}"' in card
    visible = [
        name
        for name in ("Unknown", "Catch-all", "Not catch-all")
        if f'data-for="{name.lower()}">{name}<' in card
    ]
    assert visible == [shown]


async def test_a_lookup_shows_the_distance_to_the_threshold(app: web.Application) -> None:
    """As text and as a meter."""
    card = answer_in(text_of(await ask(app, "GET", "/?domain=some.example")))
    assert '<span data-field="delivered">204</span> of 1,001 deliveries' in card
    assert 'width="20.4%"' in card
    beyond = answer_in(text_of(await ask(app, "GET", "/?domain=all.example")))
    assert 'width="100.0%"' in beyond
    assert "12,041" in beyond


async def test_an_internationalised_name_is_shown_in_both_forms(
    app: web.Application,
) -> None:
    """In Unicode, as an A-label, and as the visitor typed it."""
    card = answer_in(text_of(await ask(app, "GET", "/?domain=B%C3%9CCHER.example")))
    assert "<h3><bdi>bücher.example</bdi></h3>" in card
    assert "<code>xn--bcher-kva.example</code>" in card
    assert "<code>BÜCHER.example</code>" in card
    plain = answer_in(text_of(await ask(app, "GET", "/?domain=some.example")))
    assert "You typed" not in plain
    assert "In the DNS" not in plain


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
async def test_the_typed_name_is_escaped(app: web.Application, typed: str) -> None:
    """In the form and in the refusal."""
    target = "/?domain=" + "".join(f"%{byte:02x}" for byte in typed.encode())
    response = await ask(app, "GET", target)
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
async def test_an_invalid_domain_is_explained(app: web.Application, typed: str, code: str) -> None:
    """The page shows the reason, with status 400."""
    response = await ask(app, "GET", f"/?domain={typed}")
    page = text_of(response)
    assert (response.status, response.content_type) == (400, "text/html")
    assert f'data-code="{code}"' in page
    assert "a" * 81 not in page


async def test_a_failing_store_is_explained(app: web.Application) -> None:
    """The response is neither an answer nor cacheable."""
    response = await ask(app, "GET", "/?domain=down.example")
    assert (response.status, response.headers["Cache-Control"]) == (503, "no-store")
    assert response.headers["Retry-After"]
    assert "No &lt;quorum&gt;." in text_of(response)


@pytest.mark.parametrize(
    ("path", "scopes"), [("/", 'scope "query"'), ("/operators", 'scopes "query" and "operate"')]
)
async def test_a_page_names_the_scopes_of_the_key_that_it_needs(
    app: web.Application, path: str, scopes: str
) -> None:
    """In its form, and for the sentence about a key without them."""
    page = text_of(await ask(app, "GET", path))
    shown = scopes.replace('"', "&quot;")
    assert f"API key with the {shown}, as" in page
    assert f'data-scopes="{shown}"' in page
    assert not re.search(r"\$[a-z]", page)


async def test_a_page_without_a_domain_has_no_answer(app: web.Application) -> None:
    """The answer and the field are empty."""
    page = text_of(await ask(app, "GET", "/"))
    assert answer_in(page).startswith("</div>")
    assert 'value=""' in page
