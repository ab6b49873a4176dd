"""Find the selectors in a PromQL expression.

Covers what the rules and dashboards use, not the whole language.
"""

import re

# Matchers stay part of a selector. A range is removed, because a series exists whatever range is asked for.
_SELECTOR = re.compile(r"(?<![\w$])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*\(|[\w:])")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def selectors(expression: str) -> list[str]:
    """Every selector in the expression: the metric and its matchers, without a range."""
    plain = _RANGE.sub("", _GROUPING.sub("", expression))
    return [name + matchers for name, matchers in _SELECTOR.findall(plain) if name.lower() not in _WORDS]


def metrics(expression: str) -> set[str]:
    """The names of the metrics that the expression selects."""
    return {selector.partition("{")[0] for selector in selectors(expression)}
