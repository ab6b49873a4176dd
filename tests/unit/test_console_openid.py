"""Sign-in at a real OpenID Connect provider, and at ones that are wrong or hostile."""

import base64
import json
import socket
import time
import urllib.request
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.unit.console_pages import World, hidden_fields
from tests.unit.console_people import SECRET, people_file
from tests.unit.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider

HTML = {"Accept": "text/html"}
ADDRESS = "http://127.0.0.1:8460"


class NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("console")) as world:
        world.put_case("e-1", category="spam")
        yield world


@pytest.fixture
def provider():
    with Provider() as provider:
        yield provider


def console(world, tmp_path, issuer):
    browser = world.browser(
        sign_in="openid", address=ADDRESS, people_file=people_file(tmp_path), session_secret=SECRET,
        openid_issuer=issuer, openid_client_id=CLIENT_ID, openid_client_secret=CLIENT_SECRET,
    )  # fmt: skip
    browser.base_url = ADDRESS
    return browser


@pytest.fixture
def browser(world, provider, tmp_path):
    return console(world, tmp_path, provider.issuer)


def at_provider(address):
    """Where the provider leads a browser that was sent to `address`."""
    try:
        urllib.request.build_opener(NotFollowed).open(address)
    except urllib.error.HTTPError as error:
        return error.headers["location"]
    raise AssertionError("no redirect")


def sign_in(browser, there="/desk"):
    """Sign in, and return the answer to the address at which the provider's answer arrives."""
    sent = browser.get(f"/sign-in?next={quote(there, safe='')}")
    assert sent.status_code == 302, sent.text
    back = at_provider(sent.headers["location"])
    assert back.startswith(f"{ADDRESS}/sign-in/callback?")
    return browser.get(back, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})


def session_of(browser):
    (cookie,) = browser.cookies.jar
    return json.loads(base64.b64decode(cookie.value.partition(".")[0] + "=="))


def is_out(browser):
    return browser.get("/desk", headers=HTML).headers.get("location") == "/sign-in?next=%2Fdesk"


def test_a_person_signs_in_and_is_led_to_where_they_wanted(browser, provider):
    asked = browser.get("/desk?by=channel", headers=HTML)
    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/sign-in?next=%2Fdesk%3Fby%3Dchannel",
    )
    done = sign_in(browser, "/desk?by=channel")
    assert (done.status_code, done.headers["location"]) == (303, "/desk?by=channel")
    assert "desk-1, desk" in browser.page("/desk")
    (query,) = provider.asked
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert query["scope"] == "openid"
    assert len(query["state"]) >= 20
    assert len(query["nonce"]) >= 20


def test_no_token_and_no_claim_is_kept(browser):
    sign_in(browser)
    browser.page("/desk")
    assert session_of(browser).keys() == {"subject", "at", "token"}
    assert "secret-access-token" not in str(session_of(browser))


def test_signing_out_ends_the_session(browser):
    sign_in(browser)
    page = browser.page("/desk")
    assert browser.post("/sign-out", data={}).status_code == 403
    assert (
        browser.post("/sign-out", data=hidden_fields(page, "/sign-out")).headers["location"] == "/signed-out"
    )
    assert is_out(browser)
    assert "You are signed out" in browser.page("/signed-out")


def test_the_cookie_is_lax_because_the_provider_leads_back(browser):
    said = browser.get("/sign-in").headers["set-cookie"].lower()
    assert "samesite=lax" in said
    assert "httponly" in said


def test_somebody_whom_the_people_file_does_not_list_has_no_session(browser, provider):
    provider.subject = "stranger"
    refused = sign_in(browser)
    assert refused.status_code == 403
    assert "people file of this console does not list you" in refused.text
    assert is_out(browser)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": int(time.time()) - 600},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": ["sub-desk"]},
        {"azp": "another-client"},
    ],
)
def test_a_token_with_wrong_claims_is_refused(browser, provider, claims):
    provider.claims = claims
    assert sign_in(browser).status_code == 403
    assert is_out(browser)


@pytest.mark.parametrize("signs", ["other", "secret", "none"])
def test_a_token_that_the_providers_key_did_not_sign_is_refused(browser, provider, signs):
    provider.signs = signs
    assert sign_in(browser).status_code == 403
    assert is_out(browser)


def test_an_answer_without_a_token_is_refused(browser, provider):
    provider.without_token = True
    assert sign_in(browser).status_code == 403
    assert is_out(browser)


def test_an_answer_to_another_browser_is_refused(browser, world, tmp_path, provider):
    """Somebody signs another person in with their own code, so that this person works in their name."""
    attacker = console(world, tmp_path, provider.issuer)
    back = at_provider(attacker.get("/sign-in").headers["location"])
    assert browser.get(back).status_code == 403
    browser.get("/sign-in")
    assert browser.get(back).status_code == 403
    assert is_out(browser)


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=x&state=x", "?error=access_denied&error_description=%3Cb%3E"]
)
def test_an_answer_that_nobody_asked_for_is_refused(browser, query):
    refused = browser.get(f"/sign-in/callback{query}")
    assert refused.status_code == 403
    assert "<b>" not in refused.text


def test_an_answer_counts_once(browser):
    back = at_provider(browser.get("/sign-in").headers["location"])
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 403


def test_a_session_that_somebody_planted_is_not_signed_in(browser, world, tmp_path, provider):
    planted = console(world, tmp_path, provider.issuer)
    planted.get("/sign-in")
    browser.cookies.update(planted.cookies)
    sign_in(browser)
    assert not is_out(browser)
    assert is_out(planted)
    assert session_of(browser).keys() == {"subject", "at", "token"}


def test_a_session_ends_after_a_shift_however_busy(browser, monkeypatch):
    sign_in(browser)
    assert not is_out(browser)
    monkeypatch.setattr("streams.desk.console.web.security.sign_in.time", lambda: time.time() + 12 * 3600 + 1)
    assert is_out(browser)


@pytest.mark.parametrize(
    "there", ["//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example"]
)
def test_nobody_is_led_to_another_site(browser, there):
    assert sign_in(browser, there).headers["location"] == "/desk"


def test_nothing_is_to_be_had_before_signing_in(browser):
    for path in ("/desk", "/cases/e-1", "/live", "/desk/rows/e-1", "/health", "/none"):
        answer = browser.get(path)
        assert answer.status_code == 401, path
        assert "e-1" not in answer.text
    assert browser.post("/cases/e-1/acts", data={}).status_code == 401


def test_a_provider_with_another_name_is_refused(browser, provider):
    provider.says_issuer = "https://evil.example"
    assert browser.get("/sign-in").status_code == 503


def test_a_provider_that_is_away_is_said(world, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = console(world, tmp_path, f"http://127.0.0.1:{port}").get("/sign-in")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_sign_ins_are_limited_by_address(world, tmp_path, provider, monkeypatch):
    monkeypatch.setattr("streams.desk.console.web.security.openid._SIGN_INS", 3)
    monkeypatch.setattr("streams.desk.console.web.security.openid._SIGN_INS_PER_SECOND", 0.001)
    browser = console(world, tmp_path, provider.issuer)
    assert [browser.get("/sign-in").status_code for _ in range(4)] == [302, 302, 302, 429]
    assert browser.get("/sign-in/callback?code=x&state=x").status_code == 429


def test_no_secret_is_logged(browser, provider, caplog, capsys):
    caplog.set_level("DEBUG")
    sign_in(browser)
    provider.claims = {"aud": "another-client"}
    sign_in(browser)
    (query, _) = provider.asked
    printed = "".join(capsys.readouterr())
    assert "signed in" in printed
    assert "a sign-in failed" in printed
    for secret in (CLIENT_SECRET, "secret-access-token", "sub-desk", "person@example.org", query["state"]):
        assert secret not in printed


def test_addresses_of_the_provider_are_asked_with_what_they_need(browser, provider):
    sent = urlsplit(browser.get("/sign-in").headers["location"])
    assert f"{sent.scheme}://{sent.netloc}" == provider.issuer
    assert parse_qs(sent.query)["redirect_uri"] == [f"{ADDRESS}/sign-in/callback"]
