"""Adapters refuse settings and mappings that cannot work, and say what would; those of the docs work."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from streams.commands.main import commands
from streams.contract.events.moderation_outcome import EscalationSubject, MessageSubject
from streams.desk.adapters.coop import mapping as coop
from streams.desk.adapters.coop.item import item_id, subject_of
from streams.desk.adapters.coop.settings import CoopSettings
from streams.desk.adapters.ozone import mapping as ozone
from streams.desk.adapters.ozone.settings import OzoneSettings
from streams.running.clients.pseudonym import pseudonym
from streams.desk.adapters.verdict import check_verdicts, load_mapping
from streams.desk.adapters.webhook.settings import CONTENTS, WebhookSettings
from streams.desk.adapters.webhook.webhook import is_wanted, signing_keys, topics_of
from streams.registry.categories import built_in_categories
from streams.running.worker.environment import SettingsError, load_prefixed
from streams.running.worker.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adapters.md").read_text(encoding="utf-8")
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="


@pytest.mark.parametrize(
    ("model", "name", "text", "said"),
    [
        (WebhookSettings, "address", "http://desk.example", "must be an https address"),
        (WebhookSettings, "address", "https://user:secret@desk.example", "without user"),
        (OzoneSettings, "address", "https://pds.example/xrpc", "without a path"),
        (CoopSettings, "address", "https://coop.example/api/v1", "without a path"),
        (WebhookSettings, "allowed_networks", "10.0.0.1/8", "must be networks such as 10.1.0.0/16"),
        (
            WebhookSettings,
            "events",
            "escalations,reports",
            "must be some of escalations, clocks, requests, shadow, refusals",
        ),
        (WebhookSettings, "events", "", "must be some of"),
        (WebhookSettings, "name", "a b", "must match pattern"),
        (WebhookSettings, "start", "now", "'beginning' or 'end'"),
        (OzoneSettings, "subject", "at://did:web:x/a.b.c/1", "with {channel} or {message}"),
        (OzoneSettings, "subject", "did:web:{channel}.{reporter}", "with {channel} or {message}"),
        (OzoneSettings, "subject", "https://x/{message}", "must be a DID"),
        (OzoneSettings, "service", "ozone.example", "must match pattern"),
        (CoopSettings, "colour", "red", "there is no such setting"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_valid(model, name, text, said):
    variable = f"{model.model_config['env_prefix']}{name.upper()}"
    with pytest.raises(SettingsError, match=re.escape(variable)) as refused:
        load_prefixed(model, {variable: text})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "secret", ["QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "whsec_YWJj", "whsec_***", "whsec_" + "YWJj" * 40]
)
def test_a_secret_that_is_none_of_standard_webhooks_is_refused_and_not_quoted(secret):
    with pytest.raises(
        SettingsError, match="TOCSIN_WEBHOOK_SECRET: must be whsec_ and 24 to 64 random bytes"
    ) as refused:
        signing_keys(WebhookSettings(secret=SecretStr(secret)))
    assert secret not in str(refused.value)


def test_the_current_key_signs_first():
    previous = "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="
    keys = signing_keys(WebhookSettings(secret=SecretStr(SECRET), previous_secret=SecretStr(previous)))
    assert keys == [b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"]


@pytest.mark.parametrize("kind", ["webhook", "ozone", "coop"])
def test_an_adapter_without_its_settings_says_which_one_is_missing(kind, kept_logs):
    done = CliRunner().invoke(commands, ["adapter", kind], env={})
    assert isinstance(done.exception, SettingsError)
    assert re.match(rf"TOCSIN_{kind.upper()}_[A-Z_]+: must ", str(done.exception))


def test_the_settings_of_adapters_are_none_of_a_worker():
    load_settings({"TOCSIN_WEBHOOK_SECRET": "x", "TOCSIN_OZONE_NAME": "x", "TOCSIN_COOP_NAME": "x"})


def test_no_topic_that_is_sent_has_reporters():
    assert set(topics_of(CONTENTS)) == {"escalations", "escalations-shadow", "authority-routing", "refusals"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"events": "escalations,refusals", "publisher": "/app"}, "EVENTS: `refusals` must be alone"),
        ({"events": "refusals"}, "PUBLISHER: must be set"),
        ({"publisher": "/app"}, "PUBLISHER: must be set"),
    ],
)
def test_a_publisher_gets_its_refusals_alone_and_nobody_gets_them_all(settings, said):
    with pytest.raises(SettingsError, match=f"TOCSIN_WEBHOOK_{said}"):
        WebhookSettings(**settings).contents()


def refusal(key):
    return SimpleNamespace(topic="eu.refusals", key=key)


def test_only_the_refusals_of_the_publisher_are_sent():
    sent = [
        key
        for key in (b"/app", b"/apps", b"/App", b"", None)
        if is_wanted(refusal(key), ("refusals",), "/app")
    ]
    assert sent == [b"/app"]
    assert not is_wanted(refusal(b"/app"), ("refusals",), None)


def test_webhooks_of_two_publishers_share_no_work():
    names = {WebhookSettings(publisher=each).of_publisher().name for each in ("/app", "/apps", None)}
    assert len(names) == 3
    assert "webhook" in names


def shown(name, tmp_path):
    (block,) = re.findall(rf"```yaml {name}.yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mapping.yaml").write_text(block)
    return tmp_path / "mapping.yaml"


@pytest.mark.parametrize(("name", "shape"), [("ozone", ozone.Mapping), ("coop", coop.Mapping)])
def test_the_mappings_shown_are_valid(name, shape, tmp_path):
    file = shown(name, tmp_path)
    mapping = load_mapping("X", file, shape)
    check_verdicts("X", file, [row.verdict for row in mapping.decisions], built_in_categories())
    assert len(mapping.decisions) >= 2


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("event: Label", "event: Mute", "Invalid enum value 'Mute' - at `$.decisions[1].event`"),
        ("reason: phishing", "reason: not_a_violation", "$.decisions[0].verdict.reason: Must be a keyword"),
        (
            "decision: upheld, category: spam",
            "category: spam",
            "missing required field `decision` - at `$.decisions[1].verdict`",
        ),
        ("label: spam", "labels: spam", "unknown field `labels` - at `$.decisions[1]`"),
        ("category: fraud", "category: frod", "frod: must be one of csam, csam_synthetic"),
        ("decisions:", "decisions: [", "mapping.yaml:2: not valid YAML: did not find expected"),
        ("label: spam", f"label: {'9' * 5_000}", "is not a whole number of at most 18 digits"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_field(before, after, said, tmp_path):
    file = shown("ozone", tmp_path)
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after, 1))
    with pytest.raises(SettingsError, match=r"^X=.*mapping\.yaml: ") as refused:
        mapping = load_mapping("X", file, ozone.Mapping)
        check_verdicts("X", file, [row.verdict for row in mapping.decisions], built_in_categories())
    assert said in str(refused.value)


def test_an_item_of_coop_says_what_it_is():
    assert subject_of(item_id("ch-1", "esc-1", "m-1")) == MessageSubject("ch-1", "m-1")
    assert subject_of(item_id("ch-1", "esc-1", None)) == EscalationSubject("ch-1", "esc-1")
    for foreign in (
        "",
        "a",
        "a/b",
        "a/message/",
        "a/other/b",
        "a/message/b/c",
        "a b/message/c",
        "ü/message/x",
    ):
        assert subject_of(foreign) is None


def test_a_pseudonym_depends_on_key_and_desk():
    refs = {
        pseudonym(key, "reviewer", desk, who)
        for key in (b"k" * 32, b"l" * 32)
        for desk in ("ozone", "coop")
        for who in ("ada", "ben")
    }
    assert len(refs) == 8
    assert all(re.fullmatch("[a-z2-7]{26}", ref) for ref in refs)
