"""Every message that a runbook quotes is a text in the code, and every command that it gives can be typed."""

import ast
import functools
import re
import shlex
from pathlib import Path

import click
import pytest

from streams.commands.main import commands

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))

# Replaces what varies: numbers, names, and `...` in a quotation.
GAP = "\0"

# Other text in backticks that contains blanks: commands that a person types.
TYPED = ("tocsin ", "kafka-", "export ")


def text_of(node):
    """The text of a string in the code, with GAP for what is filled in at runtime."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[sdr]", GAP, node.value)
    return GAP


@functools.cache
def all_messages():
    texts = []
    for path in (ROOT / "streams").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # Docstrings are not messages.
        explanations = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts += [text_of(node) for node in ast.walk(tree) if id(node) not in explanations]
    return "\n".join(text for text in texts if text != GAP)


def quotations(page):
    spans = re.findall(r"`([^`]+)`", " ".join(page.split()))
    return [span for span in spans if " " in span and not span.startswith(TYPED)]


def is_a_message(quotation):
    # The name of an error's class at the end is filled in at runtime too.
    return re.sub(r"\.\.\.|\d+|[A-Z]\w+[A-Z]\w+$", GAP, quotation).strip(GAP + " ") in all_messages()


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_quoted_message_is_in_the_code(runbook):
    assert [text for text in quotations(runbook.read_text(encoding="utf-8")) if not is_a_message(text)] == []


def test_the_check_finds_quotations_and_rejects_other_texts():
    quoted = [text for path in RUNBOOKS for text in quotations(path.read_text(encoding="utf-8"))]
    assert len(quoted) >= 5
    assert not is_a_message("more than half of the last 1,000 records")
    assert not is_a_message("... of the last 1,000 records of partition ...")


def commands_given(page):
    """The arguments of each `tocsin` command on a line of its own, with numbers for the placeholders of
    numbers.
    """
    lines = re.findall(r"^ {4,}(.*\btocsin .*)$", page, re.M)
    for part in (part.strip() for line in lines for part in line.split("|")):
        if part.startswith("tocsin "):
            part = re.sub(r"\b(PARTITION|OFFSET|ENTRY)\b", "1", part)
            yield re.sub(r"\bSTAGE\b", "reports", part).removeprefix("tocsin ")


def parse(line):
    """Parse a command down to its last subcommand, without running it. Raises click.UsageError."""
    command, arguments, parent = commands, shlex.split(line), None
    while isinstance(command, click.Group):
        name, *arguments = arguments
        parent = click.Context(command, parent=parent, info_name=name)
        found = command.get_command(parent, name)
        assert found is not None, f"there is no command {name}"
        command = found
    command.make_context(command.name, arguments, parent)


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_command_can_be_typed(runbook, monkeypatch, tmp_path):
    # Files are named by a placeholder, FILE.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").touch()
    for line in commands_given(runbook.read_text(encoding="utf-8")):
        parse(line)


AT_A_TERMINAL = "Where to run these commands, and with which variables: `docs/operations-emergencies.md`, 'At a terminal'.\n"
EMERGENCIES = (ROOT / "docs" / "operations-emergencies.md").read_text(encoding="utf-8")
TERMINAL = EMERGENCIES.partition("\n## At a terminal\n")[2].partition("\n## ")[0]
COMMAND = re.compile(
    r"`(?:tocsin|kafka-[a-z-]+(?:\.sh)?|systemctl) |^ {4,}.*\b(?:tocsin|systemctl|kafka-[a-z-]+\.sh) ", re.M
)


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_with_commands_says_where_they_run_and_with_which_variables(runbook):
    page = runbook.read_text(encoding="utf-8")
    assert (AT_A_TERMINAL in page) is bool(COMMAND.search(page))


def test_the_page_says_for_each_kind_of_command_where_it_runs():
    assert [
        kind for kind in ("tocsin", "kafka-topics.sh", "systemctl") if f"**`{kind}`**" not in TERMINAL
    ] == []
    for place in ("/etc/tocsin/environment", "kubectl -n tocsin exec", "docker compose exec worker"):
        assert place in TERMINAL
    systemd = {
        line.split(" ")[1] for path in RUNBOOKS for line in re.findall(r"systemctl \w+", path.read_text())
    }
    assert [verb for verb in sorted(systemd) if f"| `systemctl {verb} " not in TERMINAL] == []


def kafka_lines(page):
    """Kafka's own commands on a line of their own."""
    return [line.strip() for line in re.findall(r"^ {4,}kafka-.*$", page, re.M)]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_the_lines_for_kafkas_programs_are_complete_and_their_placeholders_explained(runbook):
    page = runbook.read_text(encoding="utf-8")
    prose = TERMINAL + re.sub(r"^ {4,}kafka-.*$", "", page, flags=re.M)
    for line in kafka_lines(page):
        assert "--bootstrap-server BROKERS --command-config CLIENT_PROPERTIES" in line
        assert "..." not in line
        for placeholder in set(re.findall(r"\b[A-Z][A-Z_]+\b", line)):
            assert re.search(rf"\b{placeholder}\b", prose), f"{line}: what is {placeholder}?"


def test_an_open_transaction_can_be_found_and_aborted():
    lines = kafka_lines((ROOT / "docs/runbooks/TocsinStuck.md").read_text(encoding="utf-8"))
    # As Kafka 4.3.1's own kafka-transactions.sh takes them.
    assert [line.partition(" CLIENT_PROPERTIES ")[2] for line in lines] == [
        "describe-producers --topic TOPIC --partition PARTITION",
        "list",
        "describe --transactional-id TRANSACTIONAL_ID",
        "find-hanging --broker-id BROKER_ID",
        "abort --topic TOPIC --partition PARTITION --start-offset START_OFFSET",
    ]


@pytest.mark.parametrize("alert", ["TocsinDeadLetterRatio", "TocsinUnreadableRequest"])
def test_too_many_invalid_records_rest_a_source_and_stop_no_worker(alert):
    page = " ".join((ROOT / f"docs/runbooks/{alert}.md").read_text(encoding="utf-8").split())
    assert not re.search(r"worker stops", page)
    assert re.search(r"source rests there.+\(\[TocsinSourceResting\]\(TocsinSourceResting\.md\)\)", page)


def test_the_check_finds_commands_and_rejects_wrong_ones():
    found = [line for path in RUNBOOKS for line in commands_given(path.read_text(encoding="utf-8"))]
    assert len(found) >= 12
    with pytest.raises(click.UsageError, match="actor"):
        parse("source skip --topic a --partition 0 --until 1 --reason b")
    with pytest.raises(click.UsageError, match="--lapsed"):
        parse("clocks --lapsed")
