"""What docs/intake.md shows works: its files load, and `tocsin intake check` prints what it says."""

import re
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.intake.server import MOST_BODY_BYTES
from streams.intake.sources import PRESETS, load_intake_sources

PAGE = (Path(__file__).parents[2] / "docs" / "intake.md").read_text(encoding="utf-8")
SAMPLE = {
    "type": "message.flagged",
    "flag": {"id": "f-1", "at": 1_789_984_800_000, "reason": "scam", "text": "call me"},
    "channel": {"id": "team:general", "private": False},
    "message": {"id": "m-1", "text": "send money"},
    "user": {"id": "alice"},
}


def block(name):
    return re.search(rf"^```yaml {re.escape(name)}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("intake.yaml", ["forum.secret"]),
        ("mastodon.yaml", ["mastodon.secret"]),
        ("polled.yaml", ["synapse.token", "ozone.password"]),
    ],
)
def test_the_files_of_sources_load(tmp_path, name, secrets):
    (tmp_path / name).write_text(block(name))
    for secret in secrets:
        (tmp_path / secret).write_text("a" * 32)
    assert load_intake_sources(tmp_path / name)


def test_a_sample_becomes_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mapping.yaml").write_text(block("mapping.yaml"))
    Path("sample.json").write_bytes(orjson.dumps(SAMPLE))
    done = CliRunner().invoke(commands, ["intake", "check", "mapping.yaml", "sample.json"])
    shown = PAGE.partition("$ tocsin intake check mapping.yaml sample.json\n")[2].partition("\n\n")[0]
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [line.removeprefix("    ") for line in shown.splitlines()]
    Path("sample.json").write_bytes(orjson.dumps(SAMPLE | {"flag": {"id": "f-1", "at": "now"}}))
    done = CliRunner().invoke(commands, ["intake", "check", "mapping.yaml", "sample.json"])
    assert done.exit_code == 1
    assert "refused: occurred_at: the document has no number of milliseconds there (flag.at)" in done.output


def test_the_page_names_every_preset_and_the_limit():
    assert [path.stem for path in PRESETS.glob("*.yaml") if f"`{path.stem}`" not in PAGE] == []
    assert f"{MOST_BODY_BYTES // 1024 // 1024} MiB" in PAGE
