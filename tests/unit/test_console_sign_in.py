"""Nobody reaches a page of the console before it is known who asks."""

import re

import pytest
from starlette.routing import Mount

from tests.unit.console_pages import Browser, World, hidden_fields, text_of
from tests.unit.console_people import ADDRESS, SECRET, by_proxy, from_proxy, people_file

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("console")) as world:
        world.put_case("e-1", category="spam")
        yield world


@pytest.fixture
def proxied(world, tmp_path) -> Browser:
    browser = world.browser(**by_proxy(tmp_path))
    browser.base_url = ADDRESS
    return browser


@pytest.fixture
def local(world, tmp_path) -> Browser:
    return world.browser(people_file=people_file(tmp_path))


def paths_of(browser):
    for route in browser.app.routes:
        if not isinstance(route, Mount):
            yield re.sub(r"\{\w+\}", "e-1", route.path), route.methods


def test_the_proxy_says_who_asks(proxied):
    page = proxied.get("/desk", headers=from_proxy("sub-desk"))
    assert page.status_code == 200
    assert "desk-1, desk" in page.text
    assert "sub-desk" not in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-User": "sub-desk"},
        from_proxy("sub-desk", ""),
        from_proxy("sub-desk", SECRET[:-1]),
        from_proxy("sub-desk", SECRET + "0"),
        from_proxy("sub-desk", "\u00e9" * 32),
        {"X-Tocsin-Proxy-Secret": SECRET[:-1] + "x", "Authorization": "Basic c3ViLWRlc2s6"},
    ],
)
def test_a_header_without_the_proxys_secret_is_not_believed(proxied, headers):
    for path, methods in paths_of(proxied):
        for method in methods - {"HEAD"}:
            given = {name: value.encode("latin-1") for name, value in headers.items()}
            response = proxied.request(method, path, headers=given)
            assert response.status_code == 403, (method, path)
            assert "desk-1" not in response.text


def test_headers_that_a_browser_added_are_not_believed(proxied):
    twice = [*from_proxy("sub-desk").items(), ("X-Forwarded-User", "sub-csam")]
    assert proxied.get("/desk", headers=twice).status_code == 401
    secrets = [*from_proxy("sub-desk").items(), ("X-Tocsin-Proxy-Secret", "guess")]
    assert proxied.get("/desk", headers=secrets).status_code == 403
    nobody = {"X-Tocsin-Proxy-Secret": SECRET}
    assert proxied.get("/desk", headers=nobody).status_code == 401


def test_somebody_whom_the_file_does_not_list_is_told_so(proxied):
    page = proxied.get("/desk", headers=from_proxy("sub-stranger"))
    assert page.status_code == 403
    assert "people file of this console does not list you" in page.text
    assert "sub-stranger" not in page.text


def test_somebody_who_is_taken_off_the_file_is_out_at_once(world, tmp_path, monkeypatch):
    monkeypatch.setattr("streams.desk.console.people.watched_people._LOOK_SECONDS", 0.0)
    settings = by_proxy(tmp_path)
    browser = world.browser(**settings)
    browser.base_url = ADDRESS
    assert browser.get("/desk", headers=from_proxy("sub-desk")).status_code == 200
    settings["people_file"].write_text("people: [{subject: other, ref: desk-9, role: desk}]\n")
    assert browser.get("/desk", headers=from_proxy("sub-desk")).status_code == 403


def test_with_a_people_file_nobody_is_anybody_before_they_choose(local):
    for path, methods in paths_of(local):
        if path == "/act-as":
            continue
        for method in methods - {"HEAD"}:
            response = local.request(method, path, headers=HTML)
            assert response.status_code == (401 if method == "POST" else 303), (method, path)
            if method != "POST":
                assert response.headers["location"].startswith("/act-as?next=%2F")


def choose(browser, ref, there="/desk", **fields):
    page = browser.page(f"/act-as?next={there}")
    return browser.post("/act-as", data=hidden_fields(page, "/act-as") | {"ref": ref} | fields)


def test_without_sign_in_one_person_can_be_two(local):
    answer = choose(local, "desk-1", "/clocks")
    assert (answer.status_code, answer.headers["location"]) == (303, "/clocks")
    assert "acts as <strong>desk-1</strong>" in local.page("/desk")
    choose(local, "desk-2")
    assert "acts as <strong>desk-2</strong>" in local.page("/desk")
    assert choose(local, "stranger").status_code == 422


def test_without_a_people_file_pseudonyms_are_free(world):
    browser = world.browser()
    assert "acts as <strong>lead-1</strong>" in browser.page("/desk")
    assert choose(browser, "me", role="read_only").status_code == 303
    assert "me, read only" in browser.page("/desk")
    for ref, role in [
        ("a b", "desk"),
        ("me@example.org", "desk"),
        ("<b>", "desk"),
        ("me", "boss"),
        ("", "desk"),
    ]:
        assert choose(browser, ref, role=role).status_code == 422
    assert "me, read only" in browser.page("/desk")


@pytest.mark.parametrize(
    "there",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "\\\\evil",
        "javascript:alert(1)",
    ],
)
def test_nobody_is_led_to_another_site(local, there):
    assert choose(local, "desk-1", there).headers["location"] in ("/desk", "/%09/evil.example")
    raw = choose(local, "desk-1", next=there.replace("%09", "\t"))
    assert raw.headers["location"] == "/desk"


def test_a_session_that_somebody_else_began_ends_at_sign_in(local):
    page = local.page("/act-as")
    planted = hidden_fields(page, "/act-as")["token"]
    choose(local, "desk-1")
    local.page("/desk")
    assert local.token != planted
    assert local.post("/act-as", data={"token": planted, "ref": "desk-2"}).status_code == 403
    assert "acts as <strong>desk-1</strong>" in local.page("/desk")


def test_a_session_that_the_console_did_not_sign_is_none(local, world, tmp_path):
    choose(local, "desk-1")
    (cookie,) = local.cookies.jar
    other = world.browser(people_file=people_file(tmp_path))
    other.cookies.set("tocsin_console", cookie.value)
    assert other.get("/desk", headers=HTML).status_code == 303


def test_consoles_with_one_secret_share_sessions(proxied, world, tmp_path):
    page = proxied.get("/cases/e-1", headers=from_proxy("sub-desk")).text
    fields = hidden_fields(page, "/cases/e-1/acts", "claimed")
    other = world.browser(**by_proxy(tmp_path))
    other.base_url = ADDRESS
    other.cookies = proxied.cookies
    assert other.post("/cases/e-1/acts", data=fields, headers=from_proxy("sub-desk")).status_code == 303


def test_the_cookie_of_an_encrypted_console(proxied):
    said = proxied.get("/desk", headers=from_proxy("sub-desk")).headers["set-cookie"].lower()
    assert said.startswith("__host-tocsin_console=")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= {part.strip() for part in said.split(";")}
    assert "domain" not in said


def test_the_cookie_on_loopback(world):
    said = world.browser().get("/desk").headers["set-cookie"].lower()
    assert said.startswith("tocsin_console=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in said.split(";")}


def test_a_link_on_another_site_does_not_end_a_session(local):
    choose(local, "desk-1")
    cookies = dict(local.cookies)
    local.cookies.clear()
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    page = local.get("/cases/e-1?x=1", headers=HTML | followed)
    assert page.headers["refresh"] == "0"
    assert "set-cookie" not in page.headers
    assert "Spam" not in page.text
    local.cookies.update(cookies)
    assert "Spam" in text_of(local.page("/cases/e-1"))


def test_what_is_logged_names_pseudonyms_alone(proxied, local, capsys):
    proxied.get("/desk", headers=from_proxy("sub-stranger"))
    proxied.get("/desk", headers=from_proxy("sub-desk", "guess"))
    proxied.post("/cases/e-1/acts", headers=from_proxy("sub-desk"))
    choose(local, "desk-2")
    printed = "".join(capsys.readouterr())
    assert "not_in_people_file" in printed
    assert "not_from_proxy" in printed
    assert "wrong_form_token" in printed
    assert "desk-1" in printed
    assert "signed in" in printed
    for secret in ("sub-", "guess", SECRET, "testclient"):
        assert secret not in printed
