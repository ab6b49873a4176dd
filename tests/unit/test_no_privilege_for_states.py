"""No scoring file that is accepted lets a state actor weigh more than a user."""

import copy
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streams.registry
from streams.events.report import REPORTER_KINDS, AccountAge
from streams.registry.document import Document, read_document
from streams.registry.errors import RegistryError
from streams.registry.rules import Scoring
from streams.registry.scoring import build_scoring
from streams.registry.shapes import ScoringFile
from streams.reports.risk import reporter_weight

SHIPPED = read_document(Path(streams.registry.__file__).parent / "scoring.yaml")
AGES = (None, *get_args(AccountAge))


def built(changes: dict[str, Any]) -> Scoring:
    """The scoring of the shipped file with other values in some of its tables."""
    content = copy.deepcopy(SHIPPED.content)
    for table, values in changes.items():
        content[table]["values"] = values
    document = Document(SHIPPED.path, content, SHIPPED.lines)
    return build_scoring(document, document.parse(ScoringFile))


positive = st.floats(0.1, 50)
files = st.fixed_dictionaries(
    {
        "trust": st.fixed_dictionaries(
            {kind: st.fixed_dictionaries({"alpha": positive, "beta": positive}) for kind in REPORTER_KINDS}
        ),
        "max_weight": st.fixed_dictionaries({kind: st.floats(0.01, 0.99) for kind in REPORTER_KINDS}),
        "unadjusted_kinds": st.lists(st.sampled_from(REPORTER_KINDS), unique=True),
        "membership": st.fixed_dictionaries(
            {name: st.floats(0.01, 1) for name in ("member", "unknown", "not_member")}
        ),
    }
)


@settings(deadline=None, max_examples=300)
@given(files)
def test_no_accepted_file_weighs_a_state_actor_more_than_a_user(changes: dict[str, Any]) -> None:
    try:
        scoring = built(changes)
    except RegistryError:
        return
    for member, age in product((None, True, False), AGES):
        weights = [reporter_weight(scoring, kind, member, age) for kind in ("state_actor", "user")]
        assert weights[0] <= weights[1]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"trust": {"state_actor": {"alpha": 18, "beta": 2}}}, "trust.values.state_actor"),
        ({"max_weight": {"state_actor": 0.85}}, "max_weight.values.state_actor"),
        ({"unadjusted_kinds": ["automated", "state_actor"]}, r"unadjusted_kinds.values\[1\]"),
    ],
)
def test_each_way_to_privilege_a_state_actor_is_refused(changes: dict[str, Any], field: str) -> None:
    merged = {
        table: SHIPPED.content[table]["values"] | values if isinstance(values, dict) else values
        for table, values in changes.items()
    }
    with pytest.raises(RegistryError, match=f"scoring.yaml:[0-9]+: {field}: must"):
        built(merged)


def test_a_state_actor_may_weigh_as_much_as_a_user_and_less() -> None:
    built({"unadjusted_kinds": ["user", "state_actor"]})
    less = SHIPPED.content["trust"]["values"] | {"state_actor": {"alpha": 1, "beta": 3}}
    built({"trust": less})
