"""A console refuses to start with settings that let somebody in without a decision."""

import pytest

from streams.desk.console.people.access import NoSignIn, OpenIDSignIn, ProxySignIn, load_access
from streams.desk.console.settings import load_console_settings
from streams.registry.categories import built_in_categories
from streams.registry.reading.errors import RegistryError
from streams.running.worker.environment import SettingsError

SECRET = "0123456789abcdef0123456789abcdef"
PEOPLE = "people: [{subject: a, ref: desk-1, role: desk}]\n"


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.yaml"
    path.write_text(PEOPLE)
    return path


def access(**variables):
    return load_access(
        load_console_settings(
            {f"TOCSIN_CONSOLE_{name.upper()}": str(text) for name, text in variables.items()}
        ),
        built_in_categories(),
    )


def proxy(people, **changes):
    return {
        "sign_in": "proxy", "address": "https://desk.example", "people_file": people, "proxy_secret": SECRET,
    } | changes  # fmt: skip


def openid(people, **changes):
    return {
        "sign_in": "openid", "address": "https://desk.example", "people_file": people,
        "openid_issuer": "https://id.example", "openid_client_id": "console", "openid_client_secret": "s",
    } | changes  # fmt: skip


def without(settings, name):
    return {each: value for each, value in settings.items() if each != name}


def refused(settings, *says):
    with pytest.raises(SettingsError) as caught:
        access(**settings)
    for text in says:
        assert text in str(caught.value)
    assert SECRET[:16] not in str(caught.value)


def test_sign_in_is_none_on_loopback_alone():
    assert access().sign_in == NoSignIn()
    assert access(host="localhost").sign_in == NoSignIn()
    assert access(host="::1").sign_in == NoSignIn()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "10.1.2.3", "0", "no-such-host.invalid"])
def test_beyond_loopback_needs_sign_in(host, people):
    refused({"host": host}, "TOCSIN_CONSOLE_HOST", "Set TOCSIN_CONSOLE_SIGN_IN to proxy or openid")
    assert access(**proxy(people, host=host)).sign_in == ProxySignIn("X-Forwarded-User", SECRET)


def test_an_address_beyond_this_machine_needs_sign_in():
    refused({"address": "https://desk.example"}, "TOCSIN_CONSOLE_ADDRESS", "TOCSIN_CONSOLE_SIGN_IN is none")


def test_proxy_and_openid_with_all_they_need(people):
    given = access(**openid(people))
    assert given.sign_in == OpenIDSignIn("https://id.example", "console", "s")
    assert given.encrypted
    assert given.people.now().of_subject("a").ref == "desk-1"


@pytest.mark.parametrize("name", ["address", "people_file", "proxy_secret"])
def test_a_proxy_needs(name, people):
    refused(without(proxy(people), name), f"TOCSIN_CONSOLE_{name.upper()} is missing")


@pytest.mark.parametrize(
    "name", ["address", "people_file", "openid_issuer", "openid_client_id", "openid_client_secret"]
)
def test_openid_needs(name, people):
    refused(without(openid(people), name), f"TOCSIN_CONSOLE_{name.upper()} is missing")


@pytest.mark.parametrize("name", ["address", "openid_issuer"])
def test_sign_in_is_encrypted_but_on_one_machine(name, people):
    refused(openid(people, **{name: "http://desk.example"}), f"TOCSIN_CONSOLE_{name.upper()}", "https://")
    assert access(**openid(people, **{name: "http://127.0.0.1:9000"}))


def test_what_is_not_used_is_refused(people):
    refused({"proxy_secret": SECRET}, "TOCSIN_CONSOLE_PROXY_SECRET set, but not used")
    refused(openid(people, proxy_header="X-User"), "TOCSIN_CONSOLE_PROXY_HEADER set, but not used")
    refused(proxy(people, openid_client_id="c"), "TOCSIN_CONSOLE_OPENID_CLIENT_ID set, but not used")


def test_secrets_come_from_files_too(people, tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    given = access(**without(proxy(people), "proxy_secret"), proxy_secret_file=file, session_secret_file=file)
    assert given.sign_in == ProxySignIn("X-Forwarded-User", SECRET)
    assert given.session_secret == SECRET
    refused(proxy(people, proxy_secret_file=file), "are both set")
    refused(proxy(people, session_secret_file=tmp_path / "none"), "SESSION_SECRET_FILE", "cannot be read")


@pytest.mark.parametrize("name", ["proxy_secret", "session_secret"])
def test_a_secret_that_can_be_guessed_is_refused(name, people):
    refused(proxy(people, **{name: SECRET[:31]}), f"TOCSIN_CONSOLE_{name.upper()}: must have at least 32")


def test_without_a_session_secret_each_start_makes_one_up():
    assert access().session_secret != access().session_secret
    assert len(access().session_secret) >= 32


def test_a_wrong_people_file_is_refused(people):
    people.write_text("people: [{subject: a, ref: desk-1, role: boss}]\n")
    with pytest.raises(RegistryError, match=r"people.yaml:1: people\[0\].role: "):
        access(**proxy(people))
    refused(proxy(people, people_file="/none/people.yaml"), "TOCSIN_CONSOLE_PEOPLE_FILE")


def test_secrets_are_not_shown(people):
    own = load_console_settings({"TOCSIN_CONSOLE_PROXY_SECRET": SECRET})
    assert SECRET not in repr(own)
    assert SECRET not in repr(access(**proxy(people, session_secret=SECRET)))
    assert "'s'" not in repr(access(**openid(people)))
