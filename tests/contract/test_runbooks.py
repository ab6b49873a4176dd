"""Every message that a runbook quotes is a text in the code."""

import ast
import re
from pathlib import Path

import pytest

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


def all_messages():
    texts = []
    for path in (ROOT / "streams").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # Docstrings are not messages.
        explanations = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts += [text_of(node) for node in ast.walk(tree) if id(node) not in explanations]
    return "\n".join(text for text in texts if text != GAP)


MESSAGES = all_messages()


def quotations(page):
    spans = re.findall(r"`([^`]+)`", " ".join(page.split()))
    return [span for span in spans if " " in span and not span.startswith(TYPED)]


def is_a_message(quotation):
    # The name of an error's class at the end is filled in at runtime too.
    return re.sub(r"\.\.\.|\d+|[A-Z]\w+[A-Z]\w+$", GAP, quotation).strip(GAP + " ") in MESSAGES


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_quoted_message_is_in_the_code(runbook):
    assert [text for text in quotations(runbook.read_text(encoding="utf-8")) if not is_a_message(text)] == []


def test_the_check_finds_quotations_and_rejects_other_texts():
    quoted = [text for path in RUNBOOKS for text in quotations(path.read_text(encoding="utf-8"))]
    assert len(quoted) >= 5
    assert not is_a_message("more than half of the last 1,000 records")
    assert not is_a_message("... of the last 1,000 records of partition ...")
