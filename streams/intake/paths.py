"""Paths into JSON: the part of JMESPath whose cost grows with the document alone."""

from collections.abc import Callable
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError

Find = Callable[[Any], Any]

# More is no path any more, and its parser takes time that grows faster than the length.
_MOST_CHARACTERS: Final = 500

# What is missing builds lists and objects or calls functions: `[@,@][]|[@,@][]` doubles at each step.
_ALLOWED: Final = frozenset(
    {
        "and_expression", "comparator", "current", "field", "filter_projection", "identity", "index",
        "index_expression", "literal", "not_expression", "or_expression", "pipe", "projection", "slice",
        "subexpression",
    }
)  # fmt: skip
_FUNCTIONS: Final = frozenset({"contains", "ends_with", "starts_with"})


def compile_path(text: str) -> Find:
    """Return the function that finds what is at a path of a document, None if nothing is.

    The function raises ValueError if the document has another shape than a function of the path can read.
    Raises ValueError if the path is malformed, or builds something instead of finding it.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"must have at most {_MOST_CHARACTERS} characters")
    try:
        expression = jmespath.compile(text)
    except (JMESPathError, RecursionError) as error:
        raise ValueError(f"is no path (JMESPath): {str(error).splitlines()[0]}") from None
    _check(expression.parsed)

    def find(document: Any) -> Any:
        try:
            return expression.search(document)
        except JMESPathError:
            # Its message quotes the document.
            raise ValueError("does not fit the document") from None

    return find


def _check(node: dict[str, Any]) -> None:
    """Raise ValueError for a node that may not be in a path."""
    kind = node["type"]
    if kind == "function_expression":
        if node["value"] not in _FUNCTIONS:
            raise ValueError(f"calls {node['value']}(); only {', '.join(sorted(_FUNCTIONS))} may be called")
    elif kind not in _ALLOWED:
        raise ValueError(f"may find values and compare them, and nothing else ({kind.replace('_', ' ')})")
    for child in node["children"]:
        _check(child)
