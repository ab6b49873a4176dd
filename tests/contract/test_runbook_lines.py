"""Every command line of a runbook is run by a drill or a test as it is written, or stands below with a reason."""

import ast
import re
from pathlib import Path

from tests.contract.test_alerts import RUNBOOKS
from tests.runbook_lines import lines

ROOT = Path(__file__).parents[2]
RUNS = sorted(
    [
        *(ROOT / "tests/drills").glob("test_*.py"),
        *(
            ROOT / f"tests/kafka/test_{name}.py"
            for name in ("runbook_lines", "set_aside", "source_commands", "wrong_clocks")
        ),
    ]
)

# (alert, beginning of the line): why nothing runs it.
NOT_RUN = {
    (
        "TocsinStuck",
        "kafka-transactions.sh",
    ): "Kafka's own programs are not in what the tests fetch of Kafka; "
    "test_runbooks.py holds the lines to what Kafka 4.3.1 takes, test_transaction_markers.py and "
    "test_commands_status.py find open transactions",
    (
        "TocsinRulesDisagree",
        "tocsin rules",
    ): "a set and a person's key are needed: test_rule_changes.py lists, approves and rolls back",
    (
        "TocsinCandidateHalted",
        "tocsin rules",
    ): "a set and a person's key are needed: test_rule_changes.py has one halted, and approves it again",
    (
        "TocsinRulesNotReady",
        "tocsin rules",
    ): "a set and a person's key are needed: test_rule_changes.py lists, approves and rolls back",
}


def constants(node):
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def names_called(node):
    return {
        each.func.id
        for each in ast.walk(node)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
    }


def found_in_tests():
    """The texts in each test that reads runbooks: the alerts that it names, and beginnings of lines."""
    for path in RUNS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        of_module = set().union(*(constants(node) for node in tree.body if isinstance(node, ast.Assign)))
        for node in tree.body:
            called = names_called(node)
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                if called & {"mitigation", "diagnosis", "lines"}:
                    yield called, constants(node) | of_module


def run_lines():
    """The lines of runbooks that some test runs."""
    found = set()
    for called, texts in found_in_tests():
        for alert in texts & {page.stem for page in RUNBOOKS.glob("*.md")}:
            for line in lines(alert):
                # A test that takes all lines of a runbook runs all of them.
                takes_all = "lines" in called and not called & {"mitigation", "diagnosis"}
                if takes_all or any(len(text) > 10 and line.startswith(text) for text in texts):
                    found.add(line)
    return found


def test_every_line_is_run_or_says_why_not():
    run = run_lines()
    left = {
        (page.stem, line)
        for page in sorted(RUNBOOKS.glob("*.md"))
        for line in lines(page.stem)
        # One that is the same in another runbook is run there.
        if line not in run
        and not any(page.stem == alert and line.startswith(text) for alert, text in NOT_RUN)
    }
    assert left == set()


def test_the_reasons_are_of_lines_that_exist_and_that_nothing_runs():
    run = run_lines()
    for (alert, beginning), why in NOT_RUN.items():
        found = [line for line in lines(alert) if line.startswith(beginning)]
        assert found and not run & set(found)
        assert all((ROOT / "tests").rglob(name) for name in re.findall(r"test_\w+\.py", why))


def test_the_check_sees_a_line_that_nothing_runs():
    run = run_lines()
    assert len(run) > 25
    assert "tocsin state reset" not in run
