"""`docs/errors`, in the binary: each 410 and 400 of `dev` says where its page is, and it is there."""

from urllib.parse import quote, urlsplit

import pytest
from support.environment import ROOT
from support.poll import until
from support.talk import connection_id, silent_app
from support.wire import request

PAGES = sorted(path.stem for path in (ROOT / "docs" / "errors").glob("*.md"))


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(silent_app())


def post(app, own):
    return request(app.port, "POST", f"/prod/@connections/{quote(own, safe='')}", b"x")


def test_a_410_links_to_the_page_of_its_reason(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    client.close()
    until(lambda: post(app, own).status == 410, "410")
    gone = post(app, own)
    link = gone.header("x-gatepost-gone-help")
    assert link == f"http://localhost:{app.port}/_gatepost/errors/closed-by-client"
    page = request(app.port, "GET", urlsplit(link).path)
    assert page.status == 200
    assert page.header("content-type") == "text/plain; charset=utf-8"
    assert page.body == (ROOT / "docs" / "errors" / "closed-by-client.md").read_bytes()


def test_a_400_links_to_the_page_of_its_reason(app):
    invalid = post(app, "nope")
    assert invalid.status == 400
    assert invalid.header("x-gatepost-gone-help").endswith("/_gatepost/errors/malformed")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_served(app, name):
    page = request(app.port, "GET", f"/_gatepost/errors/{name}")
    assert page.body == (ROOT / "docs" / "errors" / f"{name}.md").read_bytes()


def test_there_are_no_other_pages_and_only_this_machines_own_names_are_answered(app):
    assert request(app.port, "GET", "/_gatepost/errors/nonsense").status == 404
    assert request(app.port, "GET", "/_gatepost/errors/../../Cargo.toml").status in (403, 404)
    page = "/_gatepost/errors/deleted"
    assert request(app.port, "GET", page, host="evil.example").status == 403
    foreign = [("Origin", "http://evil.example")]
    assert request(app.port, "GET", page, headers=foreign).status == 403
