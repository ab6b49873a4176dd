"""Whoever weighs a refusal sees what threatens whom, as far as the registry knows."""

from dataclasses import replace

import msgspec

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.authority_routing import PossiblePenalty
from streams.contract.wire.encoding import encode
from streams.deciding.requests.judge import judge_request
from streams.deciding.requests.rules import compile_request_rules
from streams.desk.text.duty_words import penalty_words
from streams.registry.row_of_law import Penalty
from tests.marked import trusting
from tests.request_strategies import SHIPPED
from tests.unit.test_law_cases import REQUESTS, in_ms, request

ROW = "EU.tco.art3-3"
FINE = Penalty("up to 4 % of worldwide turnover", "provider", "art. 18(3)")
RULES = trusting(SHIPPED)
FINED = compile_request_rules(
    replace(
        RULES,
        obligations=tuple(
            replace(row, penalties=(FINE,) if row.id == ROW else ()) for row in RULES.obligations
        ),
    )
)


def order() -> tuple[AuthorityRequest, int]:
    """A removal order for which the duty of the Union's regulation follows."""
    case = next(case for case in REQUESTS.values() if ROW in case.armed)
    assert case.request is not None
    return request(case.request), in_ms(case.request.at)


def test_the_judgement_lists_the_penalties_of_the_duties_that_follow() -> None:
    judged = judge_request(*order(), FINED)
    assert judged.findings.penalties == (PossiblePenalty(ROW, FINE.amount, FINE.liable, FINE.article),)


def test_a_refused_request_lists_them_too() -> None:
    asked, received = order()
    judged = judge_request(replace_demands(asked), received, FINED)
    assert judged.decision == "refused"
    assert judged.findings.obligations == ()
    assert [penalty.obligation for penalty in judged.findings.penalties] == [ROW]


def replace_demands(asked: AuthorityRequest) -> AuthorityRequest:
    """The same order, which also demands keys."""
    return msgspec.structs.replace(asked, demands=(*asked.demands, "encryption_keys"))


def test_without_a_penalty_in_the_registry_nothing_is_published() -> None:
    without = compile_request_rules(
        replace(RULES, obligations=tuple(replace(row, penalties=()) for row in RULES.obligations))
    )
    judged = judge_request(*order(), without)
    assert b"penalties" not in encode(judged.findings)


def test_a_penalty_is_said_in_a_sentence() -> None:
    assert penalty_words(PossiblePenalty("A.b", "a fine", "provider", "art. 1")) == (
        "If A.b is not fulfilled: a fine; liable: provider (art. 1)."
    )
    assert penalty_words(PossiblePenalty("A.b", "a fine", "provider")).endswith("; liable: provider.")
