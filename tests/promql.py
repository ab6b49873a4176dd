"""What a PromQL expression selects. Takes apart what our rules and dashboards use, not the whole language."""

import re

# `instance="..."` and the like have no meaning of their own here; a range is no part of what must exist.
_SELECTOR = re.compile(r"(?<![\w$])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*\(|[\w:])")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def selectors(expression: str) -> list[str]:
    """The instant vectors that an expression begins with: metric and matchers, without range."""
    plain = _RANGE.sub("", _GROUPING.sub("", expression))
    return [name + matchers for name, matchers in _SELECTOR.findall(plain) if name.lower() not in _WORDS]


def metrics(expression: str) -> set[str]:
    """The names of the metrics in it."""
    return {selector.partition("{")[0] for selector in selectors(expression)}
