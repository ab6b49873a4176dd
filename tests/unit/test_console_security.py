"""What other sites, other people and oversized forms cannot do to a console."""

import re

import pytest
from starlette.routing import Mount

from streams.desk.console.web.security import limits
from streams.desk.console.web.security.limits import MAX_FORM_BYTES, Limiter, address_of
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, hidden_fields, lead

ACTS = "/cases/e-csam/acts"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("console")) as world:
        world.put_examples()
        world.put_case("e-csam", category="csam", channel_ref="ch-csam", policy="policy-csam")
        world.put_case("e-spam", category="spam")
        world.put_clock("c-csam", category="csam", channel_ref="ch-csam")
        world.put_request("r-csam", category="csam")
        yield world


@pytest.fixture
def browser(world):
    return world.browser()


def routes(browser, method, case="e-csam"):
    """Every path to which something can be sent."""
    ids = {"clock": "c-csam", "id": "r-csam", "case": case, "name": "overdue", "rule_set": "0" * 64}
    for route in browser.app.routes:
        if not isinstance(route, Mount) and method in route.methods:
            yield re.sub(r"\{(\w+)\}", lambda part: ids[part[1]], route.path)


def fields(browser, kind="claimed"):
    return hidden_fields(browser.page("/cases/e-csam"), ACTS, kind)


def test_every_form_needs_the_token_of_its_session(world):
    browser, other = world.browser(), world.browser()
    given, foreign = fields(browser), fields(other)["token"]
    before = len(world.log)
    paths = list(routes(browser, "POST"))
    assert len(paths) >= 6
    for path in paths:
        for token in (None, "", "x", foreign, given["token"][:-1], "\u00e9"):
            sent = given | {"token": token} if token is not None else {"kind": "claimed"}
            assert browser.post(path, data=sent).status_code == 403, path
    assert len(world.log) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:81"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_of_another_site_is_refused_even_with_the_token(world, browser, headers):
    given, before = fields(browser), len(world.log)
    for path in routes(browser, "POST"):
        assert browser.post(path, data=given, headers=headers).status_code == 403
    assert len(world.log) == before


def test_a_form_of_the_console_is_taken(world, browser):
    ours = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert browser.post(ACTS, data=fields(browser), headers=ours).status_code == 303
    assert browser.post(ACTS, data=fields(browser, "released"), headers=ours).status_code == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost.evil.example:80", "a@b"]
)
def test_a_name_that_was_made_to_point_here_is_not_answered(browser, host):
    answer = browser.get("/desk", headers={"Host": host})
    assert answer.status_code == 421
    assert "ch-csam" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8460", "127.0.0.1:1", "127.0.0.2", "[::1]:8460", "LOCALHOST"])
def test_names_of_this_machine_are_answered(browser, host):
    assert browser.get("/desk", headers={"Host": host}).status_code == 200


def test_read_only_changes_nothing(world):
    reader = world.browser(lead("reader", role="read_only"))
    given, before = fields_of_reader(reader), len(world.log)
    for path in routes(reader, "POST"):
        if path != "/act-as":
            answer = reader.post(path, data=given | {"kind": "claimed", "act_id": "a", "version": "0"})
            assert answer.status_code == 403, path
    assert len(world.log) == before


def fields_of_reader(reader):
    page = reader.page("/cases/e-csam")
    assert "<button>Claim</button>" not in page
    return {"token": reader.token}


@pytest.fixture
def narrow(world):
    """Somebody who sees everything but cases about the sexual abuse of children."""
    return world.browser(lead("narrow", categories=frozenset(CATEGORIES) - {"csam"}))


def test_nothing_names_a_case_that_somebody_may_not_see(world, browser, narrow):
    seen, named = 0, re.compile(r"e-csam|c-csam|r-csam|ch-csam|policy-csam")
    for path in routes(narrow, "GET"):
        for query in ("", "?listed=all", "?listed=all&channel=ch-csam", "?ids=e-csam&id=e-csam&case=e-csam"):
            if path == "/live":
                query = "?case=e-csam"
            answer = narrow.get(path + query)
            if any(each in path for each in ("e-csam", "c-csam", "r-csam")) or path == "/live":
                assert answer.status_code in (303, 404), path
            # What the address says is said again, in a link, in fields and in words.
            text = answer.text.replace(query.replace("&", "&amp;"), "")
            text = re.sub('(?i)value="(ch|e)-csam"|shows all, channel ch-csam', "", text)
            assert not named.search(text), (path, query, named.search(text))
            if path not in ("/live", "/act-as"):
                seen += bool(named.search(browser.get(path + query).text))
    assert seen > 8


def test_nobody_acts_on_a_case_that_they_may_not_see(world, narrow):
    page = narrow.page("/cases/e-spam")
    given = hidden_fields(page, "/cases/e-spam/acts", "claimed")
    before = len(world.log)
    for path in routes(narrow, "POST"):
        # The last three name no case: they undo what the person did, and are about views.
        if path in ("/act-as", "/bulk", "/bulk/confirmed", "/undo", "/save-view", "/delete-view"):
            continue
        assert narrow.post(path, data=given | {"outcome": "fulfilled"}).status_code in (403, 404), path
    chosen = {"case": f"{world.case_id('e-csam')} e-csam@0", "what": "claimed", "count": "0", "bulk_id": "b"}
    for path in ("/bulk", "/bulk/confirmed"):
        answer = narrow.post(path, data=given | chosen)
        assert answer.status_code == 200
        assert "ch-csam" not in answer.text
    assert len(world.log) == before


def test_a_clock_of_the_same_message_stays_hidden(world, browser, narrow):
    clock = world.put_clock("c-hidden", category="csam", channel_ref="ch-shared", message_refs=["m-1"])
    world.put_case("e-shared", category="spam", channel_ref="ch-shared", message_refs=["m-1"])
    assert "c-hidden" in browser.page("/cases/e-shared")
    page = narrow.page("/cases/e-shared")
    assert "c-hidden" not in page
    assert f"clock_{clock['clock']['clock_id']}" not in page


@pytest.mark.slow
def test_headers_are_on_every_answer(world, browser, monkeypatch):
    answers = [browser.get(path) for path in routes(browser, "GET") if path != "/live"]
    answers += [
        browser.get("/none"), browser.get("/static/console.js"), browser.get("/static/none"),
        browser.post("/desk"),
        browser.post(ACTS), browser.get("/desk", headers={"Host": "evil"}), browser.get("/desk?level=x"),
        browser.post(ACTS, content=b"x" * (MAX_FORM_BYTES + 1)), browser.head("/desk"), browser.options("/desk"),
    ]  # fmt: skip
    monkeypatch.setattr(world.database, "reader", lambda: 1 / 0)
    answers.append(browser.get("/desk"))
    assert {200, 302, 400, 403, 404, 405, 413, 421, 500} <= {answer.status_code for answer in answers}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith(
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        if not answer.url.path.startswith("/static/"):
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/none", 404), ("/cases/none", 404), ("/desk?level=x", 400), ("/desk", 405)],
)
def test_errors_are_pages_with_a_way_back(browser, path, status):
    answer = browser.request("PUT" if status == 405 else "GET", path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert '<a href="/desk">Back to the desk</a>' in answer.text
    assert 'aria-label="Pages"' in answer.text


@pytest.mark.slow
def test_a_failure_is_a_page_that_says_nothing_of_the_inside(world, browser, monkeypatch, capsys):
    monkeypatch.setattr(world.database, "reader", lambda: 1 / 0)
    answer = browser.get("/desk")
    assert answer.status_code == 500
    number = re.search(r"under number ([0-9a-f]{8})", answer.text)[1]
    assert "ZeroDivisionError" not in answer.text
    printed = "".join(capsys.readouterr())
    assert number in printed
    assert "ZeroDivisionError" in printed


def chunks(size, count):
    for _ in range(count):
        yield b"a" * size


def test_an_oversized_form_is_refused_with_and_without_a_length(browser):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in routes(browser, "POST"):
        for content in (b"a" * (MAX_FORM_BYTES + 1), chunks(1024, MAX_FORM_BYTES // 1024 + 1)):
            answer = browser.post(path, content=content, headers=form)
            assert answer.status_code == 413, path
            assert answer.headers["connection"] == "close"


def test_a_form_sent_in_chunks_is_taken(browser):
    body = "&".join(f"{name}={value}" for name, value in fields(browser).items()).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.post(ACTS, content=iter([body[:9], body[9:]]), headers=form)
    assert answer.status_code in (303, 409)


@pytest.mark.parametrize(
    "body",
    [
        b"&".join(b"f%d=" % number for number in range(700)),
        b'--b\r\nContent-Disposition: form-data; name="token"; filename="x"\r\n\r\nx\r\n--b--\r\n',
    ],
)
def test_forms_with_many_fields_or_files_are_refused(browser, body):
    kind = (
        "multipart/form-data; boundary=b" if body.startswith(b"--") else "application/x-www-form-urlencoded"
    )
    assert browser.post(ACTS, content=body, headers={"Content-Type": kind}).status_code in (400, 403)


def test_acts_that_no_person_can_do_so_fast_are_refused(world, monkeypatch):
    monkeypatch.setattr("streams.desk.console.web.security.sign_in._ACTS", 5)
    monkeypatch.setattr("streams.desk.console.web.security.sign_in._ACTS_PER_SECOND", 0.001)
    browser = world.browser(lead("fast"))
    given = {"token": fields(browser)["token"], "kind": "nonsense"}
    statuses = [browser.post(ACTS, data=given).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    last = browser.post(ACTS, data=given)
    assert int(last.headers["retry-after"]) >= 1
    assert "nothing was done" in last.text
    assert browser.get("/desk").status_code == 200
    assert world.browser(lead("other")).post(ACTS, data={}).status_code == 403


def test_a_limiter_lets_a_burst_through_and_then_one_at_a_time():
    now = [0.0]
    limiter = Limiter(3, 0.5, lambda: now[0])
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 2]
    assert limiter.take("b") == 0
    now[0] = 1.0
    assert limiter.take("a") == 1
    now[0] = 2.0
    assert [limiter.take("a"), limiter.take("a")] == [0, 2]
    now[0] = 1000.0
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 2]


def test_a_limiter_forgets_whoever_came_longest_ago(monkeypatch):
    monkeypatch.setattr(limits, "_MOST_NAMES", 10)
    limiter = Limiter(1, 0.001, lambda: 0.0)
    for number in range(100):
        limiter.take("kept")
        limiter.take(str(number))
    assert len(limiter) == 10
    assert limiter.take("kept") > 0


def test_an_address_of_ipv6_counts_as_its_network():
    def of(host):
        return address_of({"client": (host, 1)})

    assert of("2001:db8::1") == of("2001:db8::ffff:2") == "2001:db8::/64"
    assert of("2001:db8:0:1::1") != of("2001:db8::1")
    assert of("192.0.2.7") == "192.0.2.7"
    assert address_of({"client": None}) == ""
