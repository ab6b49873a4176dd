"""The examples, names, commands and links in README and docs match the code."""

import re
from pathlib import Path
from typing import get_args

import click
import msgspec
import orjson
import pytest
from click.testing import CliRunner

from streams import __version__
from streams.commands.main import commands
from streams.commands.outcome.payload import COLUMNS
from streams.contract.events.case_activity import ActivityKind, CaseActivity, CaseNote
from streams.contract.events.dead_letter import DEAD_LETTER_REASONS
from streams.contract.events.desk_member import DeskRole
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import ModerationOutcome, VisibilityAction
from streams.contract.events.report import MessageReport
from streams.contract.wire.forms.reporter_standing_decoding import decode_reporter_standing
from streams.contract.wire.forms.moderation_outcome_decoding import REASONS
from streams.desk.text.record_text import READABLE
from streams.registry.loader import load_rules
from streams.running.topics.topic_catalogue import load_catalogue
from streams.statutory.validation.checks import CHECKS
from tests.categories import CATEGORIES
from tests.command_tree import subcommand
from tests.readers import decode_case_activity, decode_moderation_outcome, decode_report
from tests.readme_report import make_report

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

# Later than every report in the examples, so none of them is in the future.
LATER_MS = 4_000_000_000_000


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", text(page), re.DOTALL)


def test_the_reports_shown_are_valid(tmp_path):
    page = "docs/events.md"
    reports = [block for block in blocks(page, "json") if '"report_id"' in block and '"kind"' in block]
    assert reports
    for report in [*reports, make_report(tmp_path).read_text(encoding="utf-8")]:
        assert decode_report(report.encode(), (), LATER_MS).event.report_id


def test_the_report_of_the_readme_is_of_now_and_one_line_that_publish_sends_without_a_word(tmp_path):
    made = make_report(tmp_path)
    done = CliRunner().invoke(commands, ["publish", "--dry-run", str(made)])
    assert (done.stdout, done.stderr, done.exit_code) == ("1 ready to publish, 0 refused\n", "", 0)


def test_the_outcome_and_the_act_shown_are_valid():
    outcome, act = blocks("docs/decisions.md", "json")
    (standing,) = blocks("docs/reporters.md", "json")
    assert decode_moderation_outcome(outcome.encode(), (), LATER_MS).event.outcome_id
    assert decode_case_activity(act.encode(), (), LATER_MS).event.activity_id
    assert decode_reporter_standing(standing.encode(), (), LATER_MS).event.standing_id


@pytest.mark.parametrize("row", ["upheld", "dismissed", "manifestly_unfounded"])
def test_the_page_of_decisions_explains_the_reasons_of(row):
    page = text("docs/decisions.md")
    assert [reason for reason in REASONS[row] if f"`{reason}`" not in page] == []


def test_the_page_of_decisions_names_every_field_and_column():
    page = text("docs/decisions.md")
    fields = [*ModerationOutcome.__struct_fields__, *CaseActivity.__struct_fields__, *COLUMNS]
    fields += [*get_args(ActivityKind), *get_args(CaseNote), *get_args(VisibilityAction), *get_args(DeskRole)]
    assert [name for name in fields if f"`{name}`" not in page and f'"{name}"' not in page] == []


def test_figures_of_speed_are_those_that_were_measured_and_say_on_what():
    page = text("docs/performance.md")
    table = re.search(r"(?:^\|.*\n)+", page, re.M)[0]
    (rate,) = re.findall(r"\| all \| Python \| 200,000 \| ([\d,]+) \|", table)
    words = " ".join(text("README.md").split())
    said = [f"{rate} reports a second", "2026-11-29", "two cores of an Intel Xeon", "Python 3.11"]
    assert [each for each in said if each not in words] == []
    assert f"the latest figure is {rate} reports/s" in " ".join(text("docs/operations-sizing.md").split())


def test_the_escalation_shown_is_an_excerpt_of_the_example():
    (shown,) = (block for block in blocks("README.md", "json") if '"escalation_id"' in block)
    whole = ROOT / "schemas/examples/escalations/v1/updated-level-raised.json"
    fields = orjson.loads(shown)
    example = orjson.loads(whole.read_bytes())["value"]
    assert [name for name in fields if fields[name] != example.get(name)] == []
    msgspec.convert(example, Escalation)


def test_every_field_category_and_topic_is_on_the_events_page():
    page = text("docs/events.md")
    wanted = [*MessageReport.__struct_fields__, *CATEGORIES, *load_catalogue()]
    assert [name for name in wanted if f"`{name}`" not in page] == []


def test_the_policy_shown_is_valid(tmp_path):
    page = text("docs/policies.md")
    block = page[page.index("    policies:") :].split("\n\n")[0]
    shown = tmp_path / "policies.yaml"
    shown.write_text("\n".join(line.removeprefix("    ") for line in block.splitlines()), encoding="utf-8")
    assert [policy.id for policy in load_rules(policies=shown).policies] == ["fraud"]


def test_every_topic_that_tail_reads_is_in_its_help():
    words = CliRunner().invoke(commands, ["tail", "--help"]).output.replace(",", " ").split()
    assert [name for name in READABLE if name not in words] == []


def test_every_check_of_a_transparency_report_is_in_the_table():
    rows = [f"| `{name}` | {each.severity} | {each.rule} | {each.source} |" for name, each in CHECKS.items()]
    page = text("docs/transparency.md")
    assert [row for row in rows if row not in page] == []
    table = page.partition("| check | severity |")[2].partition("\n\n")[0]
    assert table.count("\n| `") == len(rows)


def test_every_dead_letter_reason_is_in_the_table():
    table = text("schemas/topics/dead-letters.yaml")
    assert [reason for reason in DEAD_LETTER_REASONS if f"{reason}:" not in table] == []


def test_no_page_has_more_than_3000_words():
    """Split a longer one by reader and purpose. The bars of tables are no words."""
    words = {
        path.relative_to(ROOT).as_posix(): sum(
            bool(re.search(r"\w", each)) for each in path.read_text().split()
        )
        for path in sorted((ROOT / "docs").rglob("*.md"))
    }
    assert {name: count for name, count in words.items() if count > 3000} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_named_exists(page):
    there = re.sub(r"In a new file `[^`]+`", "", page.read_text(encoding="utf-8"))
    named = re.findall(r"`((?:streams|schemas|docs|deploy|tests)/[A-Za-z0-9_./-]+?)/?`", there)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_named_exists(page):
    # Code and rows that a recipe adds name its command.
    there = re.sub(r"(?ms)^```(?:python|markdown)\n.*?^```$", "", page.read_text(encoding="utf-8"))
    lines = re.findall(r"(?:^ {4}|`|^export )(?:\.venv/bin/)?tocsin ([a-z][a-z -]*)", there, re.M)
    for line in lines:
        words = []
        group = commands
        for word in line.split():
            if not isinstance(group, click.Group) or (found := subcommand(group, word)) is None:
                break
            group = found
            words.append(word)
        assert words, f"{page.name}: tocsin {line}"
        assert CliRunner().invoke(commands, [*words, "--help"]).exit_code == 0


def test_the_style_examples_are_in_the_code():
    examples = blocks("CONTRIBUTING.md", "python")
    assert examples
    for example in examples:
        place, *lines = example.splitlines()
        source = text(place.removeprefix("# ")).splitlines()
        (defined,) = (line for line in lines if re.match(r"def |class |[A-Z_]+ = ", line))
        assert defined in source, f"{place}: {defined}"


def test_the_newest_release_of_the_changelog_is_this_version_and_explains_the_upgrade():
    unreleased, newest, *_ = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", newest)
    assert f" to {__version__.rpartition('.')[0]}\n" in text("docs/upgrading.md")


SECTION = re.compile(r"docs/([\w-]+\.md)`?(?:\]\([^)]*\))?,? '([^']+)'")
BEFORE = re.compile(r"'([A-Z][^']+)' in \[?`?docs/([\w-]+\.md)")
KINDS = ("docs/runbooks/*.md", "streams/**/*.py", "streams/**/*.yaml", "tests/**/*.py", "deploy/**/*.yaml")


def headings(page):
    prose = re.sub(r"^```.*?^```$", "", text(f"docs/{page}"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ (.+)$", prose, re.MULTILINE)


def test_every_section_that_is_named_with_its_page_exists():
    """In pages, comments and messages, as in docs/operations-sizing.md, 'Sizing'."""
    named = set()
    for path in (*PAGES, *(path for kind in KINDS for path in ROOT.glob(kind))):
        # A message may go on in the next literal, a comment in the next line.
        joined = re.sub(r"\"\n\s*f?\"|\n\s*#", " ", path.read_text(encoding="utf-8"))
        words = " ".join(joined.split())
        found = [*SECTION.findall(words), *((page, section) for section, page in BEFORE.findall(words))]
        named |= {(page, section, path.name) for page, section in found}
    assert len(named) > 40
    assert [each for each in sorted(named) if each[1] not in headings(each[0])] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_resolves(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_section_resolves(page):
    links = re.findall(
        r"\]\((?!https?:)(?:docs/)?([\w-]*(?:\.md)?)#([^)]+)\)", page.read_text(encoding="utf-8")
    )
    anchors = {
        name: [
            re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings(name or page.name)
        ]
        for name, _ in links
    }
    assert [link for link in links if link[1] not in anchors[link[0]]] == []
