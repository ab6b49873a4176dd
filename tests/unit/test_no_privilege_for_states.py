"""No scoring file that is accepted lets a state actor weigh more than a user."""

import copy
import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import streams.registry
from streams.contract.events.report import (
    REPORTER_KINDS,
    AccountAge,
    Channel,
    Classifier,
    MessageReport,
    Reporter,
)
from streams.deciding.reports.risk import RiskModel, reporter_weight
from streams.registry.reading.document import Document, read_document
from streams.registry.reading.errors import RegistryError
from streams.registry.rules import Scoring
from streams.registry.scoring import build_scoring
from streams.registry.shapes.rules import ScoringFile
from tests.shipped import RULES

SHIPPED = read_document(Path(streams.registry.__file__).parent / "scoring.yaml")
AGES = (None, *get_args(AccountAge))


def built(changes: dict[str, Any]) -> Scoring:
    """The scoring of the shipped file with other values in some of its tables."""
    content = copy.deepcopy(SHIPPED.content)
    for table, values in changes.items():
        content[table]["values"] = values
    document = Document(SHIPPED.path, content, SHIPPED.lines)
    return build_scoring(document, document.parse(ScoringFile))


shares = st.floats(0.01, 1)
weights = st.floats(0.01, 0.99)
# An alpha of at least 1 is never refused as too wide, so what a file is refused for is the privilege.
betas = st.fixed_dictionaries({"alpha": st.floats(1, 50), "beta": st.floats(0.1, 50)})
files = st.fixed_dictionaries(
    {
        "trust": st.fixed_dictionaries(dict.fromkeys(REPORTER_KINDS, betas)),
        "max_weight": st.fixed_dictionaries(dict.fromkeys(REPORTER_KINDS, weights)),
        "unadjusted_kinds": st.lists(st.sampled_from(REPORTER_KINDS), unique=True),
        "membership": st.fixed_dictionaries(dict.fromkeys(("member", "unknown", "not_member"), shares)),
        "account_age": st.fixed_dictionaries(dict.fromkeys((*get_args(AccountAge), "unknown"), shares)),
        "clamps": st.fixed_dictionaries(
            {"reports": st.floats(0.5, 8), "classifier": st.floats(0.5, 8)},
        ),
    }
)


def certainty(beta: dict[str, float]) -> float:
    """The mean of a Beta distribution less one standard deviation."""
    alpha, total = beta["alpha"], beta["alpha"] + beta["beta"]
    return alpha / total - math.sqrt(alpha * beta["beta"] / (total**2 * (total + 1)))


def fair(changes: dict[str, Any]) -> dict[str, Any]:
    """The same file with the greater of each pair of numbers for the user, the smaller for the state actor."""
    changes = copy.deepcopy(changes)
    for table, key in (("trust", certainty), ("max_weight", float)):
        pair = [changes[table][kind] for kind in ("state_actor", "user")]
        changes[table]["state_actor"], changes[table]["user"] = sorted(pair, key=key)
    unadjusted = changes["unadjusted_kinds"]
    if "state_actor" in unadjusted and "user" not in unadjusted:
        unadjusted.append("user")
    return changes


def check_no_privilege(scoring: Scoring) -> None:
    """Weight and risk of a state actor's report are at most those of a user's with the same circumstances."""
    model = RiskModel(replace(RULES, scoring=scoring))
    for member, age in product((None, True, False), AGES):
        weights = [reporter_weight(scoring, kind, member, age) for kind in ("state_actor", "user")]
        assert weights[0] <= weights[1]
        for category, classifier in product(("fraud", "terrorism"), (None, 0.0, 0.3, 1.0)):
            state, user = (
                MessageReport(
                    report_id="r-1",
                    kind="user_report",
                    occurred_at=datetime(2026, 11, 24, tzinfo=UTC),
                    channel=Channel("c-1", "public"),
                    category=category,
                    reporter=Reporter(kind, member=member, account_age=age),
                    classifier=None if classifier is None else Classifier("m", "1", classifier),
                )
                for kind in ("state_actor", "user")
            )
            assert model.score(state).score <= model.score(user).score


@settings(max_examples=150)
@given(files)
def test_no_accepted_file_weighs_a_state_actor_more_than_a_user(changes: dict[str, Any]) -> None:
    try:
        scoring = built(changes)
    except RegistryError:
        return
    check_no_privilege(scoring)


@settings(max_examples=80)
@given(files)
def test_a_file_without_privilege_is_accepted(changes: dict[str, Any]) -> None:
    """So the property above is about many accepted files, not about none."""
    check_no_privilege(built(fair(changes)))


@settings(max_examples=150)
@given(files, st.sampled_from(["trust", "max_weight", "unadjusted_kinds"]))
def test_a_file_with_a_single_privilege_is_refused(changes: dict[str, Any], table: str) -> None:
    changes = fair(changes)
    if table == "unadjusted_kinds":
        changes[table] = ["state_actor"]
    else:
        values = changes[table]
        values["state_actor"], values["user"] = values["user"], values["state_actor"]
        key = certainty if table == "trust" else float
        assume(key(values["state_actor"]) > key(values["user"]) + 1e-9)
    with pytest.raises(RegistryError, match=f"{table}.*state_actor|{table}.values"):
        built(changes)


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
