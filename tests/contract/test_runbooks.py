"""What runbooks quote of a worker is what a worker says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))

# Stands for what is filled in: numbers, names, `...` of a quotation.
GAP = "\0"

# What else stands in backticks with blanks: what a person types.
TYPED = ("tocsin ", "kafka-", "export ")


def said(node):
    """The text of a string in the code, with gaps."""
    if isinstance(node, ast.JoinedStr):
        return "".join(said(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[sdr]", GAP, node.value)
    return GAP


def everything_said():
    texts = []
    for path in (ROOT / "streams").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # What explains the code is not said.
        explanations = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts += [said(node) for node in ast.walk(tree) if id(node) not in explanations]
    return "\n".join(text for text in texts if text != GAP)


SAID = everything_said()


def quotations(page):
    spans = re.findall(r"`([^`]+)`", " ".join(page.split()))
    return [span for span in spans if " " in span and not span.startswith(TYPED)]


def is_said(quotation):
    # The word at the end that is one of an error's class is filled in too.
    return re.sub(r"\.\.\.|\d+|[A-Z]\w+[A-Z]\w+$", GAP, quotation).strip(GAP + " ") in SAID


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_message_quoted_is_one(runbook):
    assert [text for text in quotations(runbook.read_text(encoding="utf-8")) if not is_said(text)] == []


def test_messages_are_quoted_and_others_would_be_noticed():
    quoted = [text for path in RUNBOOKS for text in quotations(path.read_text(encoding="utf-8"))]
    assert len(quoted) >= 5
    assert not is_said("more than half of the last 1,000 records")
    assert not is_said("... of the last 1,000 records of partition ...")
