import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from tests.unit.test_intake_requests import KEY, READER, REPORT
from streams.intake.sources import load_intake_sources
from streams.running.wall_clock import clock_ms

import orjson


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Two sources of different tenants, in the settings."""
    (tmp_path / "token").write_text("a token of 32 characters or more\n")
    file = tmp_path / "intake.yaml"
    rows = [
        f"  {name}: {{ce_source: /{name}, tenant: {name}, authentication: {{scheme: bearer, secret_file: token}}}}"
        for name in ("forum", "chat")
    ]
    file.write_text("\n".join(["sources:", *rows, ""]))
    monkeypatch.setenv("TOCSIN_INTAKE_PSEUDONYM_KEY", KEY.decode())
    monkeypatch.setenv("TOCSIN_INTAKE_SOURCES_FILE", str(file))
    return file


def ref(*arguments):
    return CliRunner().invoke(commands, ["intake", "ref", *arguments])


@pytest.mark.parametrize("name", ["forum", "chat"])
def test_it_shows_the_refs_that_the_intake_makes(sources, name):
    source = load_intake_sources(sources)[name]
    [taken] = READER.reports(source, orjson.dumps(REPORT), {}, clock_ms()).accepted
    room, other = ref("channel", REPORT["channel"]["ref"], "another", "--source", name).output.splitlines()
    assert room == f"{taken.report.channel.ref}  {REPORT['channel']['ref']}"
    assert other != f"{taken.report.channel.ref}  another"
    message = ref("message", REPORT["message_ref"], "--source", name).output
    assert message.startswith(f"{taken.report.message_ref}  ")


def test_without_a_source_it_asks_for_one_where_tenants_differ(sources):
    asked = ref("channel", "room 7")
    assert (asked.exit_code, "--source must be one of chat, forum" in asked.output) == (2, True)
    assert ref("channel", "room 7", "--source", "fourm").exit_code == 2
    sources.write_text(sources.read_text().replace("tenant: chat", "tenant: forum"))
    assert ref("channel", "room 7").output == ref("channel", "room 7", "--source", "chat").output
