"""Builds the scoring from scoring.yaml."""

import math
from typing import get_args

from streams.contract.events.report import REPORTER_KINDS, AccountAge
from streams.registry.reading.document import Document
from streams.registry.rules import Scoring
from streams.registry.shapes.rules import BetaRow, ScoringFile


def build_scoring(document: Document, file: ScoringFile) -> Scoring:
    """Build the weights.

    Raises RegistryError if one is missing, if a trust distribution is too wide, or if a state actor could
    weigh more than a user.
    """
    document.require(("trust", "values"), file.trust.values, REPORTER_KINDS)
    document.require(("membership", "values"), file.membership.values, ("member", "unknown", "not_member"))
    document.require(("account_age", "values"), file.account_age.values, (*get_args(AccountAge), "unknown"))
    document.require(("max_weight", "values"), file.max_weight.values, REPORTER_KINDS)
    trust: dict[str, float] = {}
    for kind, beta in file.trust.values.items():
        trust[kind] = beta_lower_bound(beta)
        if trust[kind] <= 0:
            document.refuse(
                ("trust", "values", kind),
                "is too wide: its mean minus one standard deviation must be above 0",
            )
    _require_no_privilege_for_states(document, file, trust)
    return Scoring(
        trust=trust,
        membership={str(key): value for key, value in file.membership.values.items()},
        account_age={str(key): value for key, value in file.account_age.values.items()},
        max_weight={str(key): value for key, value in file.max_weight.values.items()},
        unadjusted_kinds=frozenset(file.unadjusted_kinds.values),
        reports_clamp=file.clamps.values.reports,
        classifier_clamp=file.clamps.values.classifier,
    )


def _require_no_privilege_for_states(document: Document, file: ScoringFile, trust: dict[str, float]) -> None:
    """Refuse numbers that make a state actor weigh more than a user of equal membership and account age.

    A weight is trust x membership x account age, at most max_weight; for unadjusted kinds it is trust, at
    most max_weight. So three conditions suffice.
    """
    if trust["state_actor"] > trust["user"]:
        document.refuse(
            ("trust", "values", "state_actor"),
            "must not be trusted more than a user: its mean minus one standard deviation must be at most "
            f"{trust['user']:.3f}",
        )
    limits = file.max_weight.values
    if limits["state_actor"] > limits["user"]:
        document.refuse(
            ("max_weight", "values", "state_actor"),
            f"must be at most {limits['user']:g}, the maximum of a user",
        )
    unadjusted = file.unadjusted_kinds.values
    if "state_actor" in unadjusted and "user" not in unadjusted:
        document.refuse(
            ("unadjusted_kinds", "values", unadjusted.index("state_actor")),
            "must not be state_actor, unless user is in the list too",
        )


def beta_lower_bound(beta: BetaRow) -> float:
    """Give the mean of a Beta distribution minus one standard deviation."""
    total = beta.alpha + beta.beta
    deviation = math.sqrt(beta.alpha * beta.beta / (total * total * (total + 1)))
    return beta.alpha / total - deviation
