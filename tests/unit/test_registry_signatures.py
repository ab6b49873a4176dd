"""Rows of law are unsigned until somebody signs them for a platform, and again once they change."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from streams.commands.registry.command import registry
from streams.deciding.law.duty import Duty, published_duty
from streams.registry.lint import lint
from streams.registry.loader import SHIPPED_LAW, load_rules, signatures_folder
from streams.registry.row_of_law import Signature
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation
from streams.registry.signing.signatures import SIGNATURES
from streams.running.worker.rules import warn_of_unsigned_rows
from tests.unit.registry_files import edit, refused
from tests.unit.test_registry_lint import CHECKED

ROW = "US.take-it-down.s3"


def row_of(rules: Rules, name: str = ROW) -> Obligation:
    return next(duty for duty in rules.obligations if duty.id == name)


# The first day on which it can be signed.
SIGNED_ON = str(row_of(load_rules()).checked)


@pytest.fixture
def tocsin(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    for name in ("TOCSIN_LAW_FOLDER", "TOCSIN_PLATFORM_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **environment: str):  # type: ignore[no-untyped-def]
        return CliRunner().invoke(registry, list(arguments), env=environment)

    return run


@pytest.fixture
def signed(folder: Path, tocsin) -> Path:  # type: ignore[no-untyped-def]
    """A copy of the registry in whose law a row is signed."""
    done = tocsin("sign", ROW, "--by", "counsel-1", "--law", str(folder / "law"), "--on", SIGNED_ON)
    assert done.exit_code == 0, done.output
    return folder


def test_what_tocsin_ships_is_unsigned() -> None:
    assert not (SHIPPED_LAW / SIGNATURES).exists()
    rules = load_rules()
    assert {duty.signed for duty in rules.obligations} == {None}
    assert {each.id for each in lint(rules, CHECKED).unsigned} >= {ROW, "EU.tco.art3-3"}


def test_a_signed_row_says_who_signed_it_and_events_publish_it(signed: Path) -> None:
    rules = load_rules(law=signed / "law")
    duty = row_of(rules)
    assert duty.signed is not None
    assert (duty.signed.by, str(duty.signed.on)) == ("counsel-1", SIGNED_ON)
    assert [row.id for row in rules.obligations if row.signed] == [ROW]
    assert rules.lapsed_signatures == ()
    published = published_duty(Duty(duty, "trigger_not_met", strictest=False), rules, 0)
    assert published.signed is not None
    assert (published.signed.by, published.signed.on) == ("counsel-1", SIGNED_ON)
    # A signature is published, so it is part of what a replay depends on.
    assert rules.registry_version != load_rules(law=SHIPPED_LAW).registry_version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("duration: PT48H", "duration: PT24H"),
        ("title: Remove an intimate depiction", "title: Remove a depiction"),
        ("marks: verified", "marks: secondary"),
        ("read_on: 2026-11-", "read_on: 2026-10-"),
    ],
)
def test_a_signed_row_whose_text_changes_is_unsigned_again(signed: Path, old: str, new: str) -> None:
    text = (signed / "law" / "US.yaml").read_text("utf-8")
    head, mark, row = text.partition(f"- id: {ROW}")
    assert old in row
    (signed / "law" / "US.yaml").write_text(head + mark + row.replace(old, new, 1), encoding="utf-8")
    rules = load_rules(law=signed / "law")
    assert row_of(rules).signed is None
    assert rules.lapsed_signatures == (ROW,)
    assert lint(rules, CHECKED).lapsed == (ROW,)


def test_a_signed_row_stays_signed_if_only_its_upkeep_changes(signed: Path) -> None:
    text = (signed / "law" / "US.yaml").read_text("utf-8")
    head, mark, row = text.partition(f"- id: {ROW}")
    row = row.replace("owner: registry", "owner: desk-7\n    next: {day: 2027-05-19, what: a report}", 1)
    (signed / "law" / "US.yaml").write_text(f"{head}# A comment.\n  {mark}{row}", encoding="utf-8")
    assert row_of(load_rules(law=signed / "law")).signed is not None


def test_a_new_signature_replaces_the_earlier_one_and_keeps_others(signed: Path, tocsin) -> None:  # type: ignore[no-untyped-def]
    law = str(signed / "law")
    for row in ("EU.tco.art3-3", ROW):
        assert tocsin("sign", row, "--by", "counsel-2", "--law", law).exit_code == 0
    rules = load_rules(law=signed / "law")
    assert {duty.id: duty.signed.by for duty in rules.obligations if duty.signed} == {
        "EU.tco.art3-3": "counsel-2",
        ROW: "counsel-2",
    }


def test_a_signature_of_a_row_that_is_gone_has_lapsed(signed: Path) -> None:
    edit(signed, f"law/{SIGNATURES}", f"row: {ROW}", "row: US.gone")
    assert load_rules(law=signed / "law").lapsed_signatures == ("US.gone",)


def test_a_damaged_file_of_signatures_is_refused(signed: Path) -> None:
    edit(signed, f"law/{SIGNATURES}", "sha256: ", "sha256: z")
    refused(signed, f"law/{SIGNATURES}", "signatures[0].sha256", "pattern")


def test_signatures_lie_in_the_platforms_own_folder(tmp_path: Path, folder: Path, tocsin) -> None:  # type: ignore[no-untyped-def]
    assert signatures_folder(None, None) is None
    assert signatures_folder(tmp_path / "platform.yaml", None) == tmp_path
    assert signatures_folder(tmp_path / "platform.yaml", folder / "law") == folder / "law"
    platform = tmp_path / "own" / "platform.yaml"
    platform.parent.mkdir()
    platform.write_text((folder / "law" / "platform.yaml").read_text("utf-8"), encoding="utf-8")
    done = tocsin("sign", ROW, "--by", "counsel-1", TOCSIN_PLATFORM_FILE=str(platform))
    assert done.exit_code == 0, done.output
    assert (platform.parent / SIGNATURES).exists()
    assert isinstance(row_of(load_rules(platform=platform)).signed, Signature)


@pytest.mark.parametrize("arguments", [(), ("--law", str(SHIPPED_LAW))])
def test_nothing_is_signed_among_what_tocsin_ships(tocsin, arguments: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    refusal = tocsin("sign", ROW, "--by", "counsel-1", *arguments)
    assert refusal.exit_code == 2
    assert "in a folder of your own" in refusal.output
    assert not (SHIPPED_LAW / SIGNATURES).exists()


def test_an_unknown_row_is_not_signed(folder: Path, tocsin) -> None:  # type: ignore[no-untyped-def]
    refusal = tocsin("sign", ROW, "US.none", "--by", "counsel-1", "--law", str(folder / "law"))
    assert refusal.exit_code == 2
    assert "no row in force is named US.none" in refusal.output
    assert not (folder / "law" / SIGNATURES).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((ROW, "--by", "counsel 1"), "'counsel 1' is not a pseudonym"),
        ((ROW, "--by", "counsel@example.org"), "'counsel@example.org' is not a pseudonym"),
        ((ROW, "--by", ""), "'' is not a pseudonym"),
        ((ROW, "--by", "-counsel"), "begin with a letter or digit"),
        ((ROW, "--by", "counsel-1", "--on", "9999-12-31"), "9999-12-31 is in the future"),
        ((ROW, "--by", "counsel-1", "--on", "2020-01-01"), f"when {ROW} was last read (read_on)"),
        (("GB.osa.s9", "--by", "counsel-1"), "GB.osa.s9 is watched, not a duty: only duties are signed."),
    ],
)
def test_a_signature_that_cannot_be_right_is_refused(
    folder: Path,
    tocsin,  # type: ignore[no-untyped-def]
    arguments: tuple[str, ...],
    said: str,
) -> None:
    refusal = tocsin("sign", *arguments, "--law", str(folder / "law"))
    assert refusal.exit_code == 2
    assert said in " ".join(refusal.output.split())
    assert not (folder / "law" / SIGNATURES).exists()


def test_a_row_is_signed_on_the_day_of_its_reading(folder: Path, tocsin) -> None:  # type: ignore[no-untyped-def]
    read = str(row_of(load_rules()).checked)
    done = tocsin("sign", ROW, "--by", "counsel-1", "--law", str(folder / "law"), "--on", read)
    assert done.exit_code == 0, done.output


def test_a_row_in_the_place_of_a_country_says_where_it_is_listed(tocsin) -> None:  # type: ignore[no-untyped-def]
    watched, duty = tocsin("show", "GB.osa.s9"), tocsin("show", ROW)
    assert (watched.exit_code, duty.exit_code) == (2, 2)
    assert "GB.osa.s9 is a row that is watched, not a duty" in " ".join(watched.output.split())
    assert f"{ROW} is a row, not a country: `tocsin registry show US`" in " ".join(duty.output.split())


def test_a_strict_check_lists_what_is_unsigned_and_fails(signed: Path, tocsin) -> None:  # type: ignore[no-untyped-def]
    law = ("--law", str(signed / "law"))
    assert tocsin("check", *law).exit_code == 0
    strict = tocsin("check", *law, "--strict")
    assert strict.exit_code == 1
    listed = strict.stdout.partition("Unsigned: nobody signed")[2]
    assert "EU.tco.art3-3" in listed
    assert ROW not in listed
    # A duty that has ended needs no signature any more.
    assert "DE.netzdg" not in listed
    edit(signed, "law/US.yaml", "    owner: registry\n", "")
    without = tocsin("check", *law, "--strict")
    assert "US.2258A  owner" in without.stdout.partition("Rows that lack a field")[2]


def test_a_strict_check_succeeds_once_everything_is_signed(folder: Path, tocsin) -> None:  # type: ignore[no-untyped-def]
    law = ("--law", str(folder / "law"))
    every = [duty.id for duty in load_rules(folder).obligations]
    assert tocsin("sign", *every, "--by", "counsel-1", *law).exit_code == 0
    done = tocsin("check", *law, "--strict")
    assert done.exit_code == 0
    assert "0 duties are unsigned" in done.stdout


def test_a_worker_warns_once_of_unsigned_rows_that_can_arm_a_clock(signed: Path) -> None:
    rules = load_rules(law=signed / "law")
    with capture_logs() as logs:
        warn_of_unsigned_rows(rules)
    (warning,) = logs
    assert warning["log_level"] == "warning"
    can_arm = [duty for duty in rules.obligations if duty.arms and duty.duration]
    assert (warning["unsigned"], warning["of"]) == (len(can_arm) - 1, len(can_arm))
    assert warning["changed_since_signed"] == ()


def test_a_worker_whose_rows_are_signed_does_not_warn(rules: Rules) -> None:
    signature = Signature("counsel-1", CHECKED)
    every = tuple(replace(duty, signed=signature) for duty in rules.obligations)
    with capture_logs() as logs:
        warn_of_unsigned_rows(replace(rules, obligations=every))
    assert logs == []


def test_a_check_says_which_signed_rows_have_changed(signed: Path, tocsin) -> None:  # type: ignore[no-untyped-def]
    edit(signed, "law/US.yaml", "duration: PT48H", "duration: PT24H")
    done = tocsin("check", "--law", str(signed / "law"))
    assert done.exit_code == 0
    assert f"Signed, but changed since, so unsigned again: {ROW}" in done.stdout
