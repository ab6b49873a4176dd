"""The page of all sets of rules, and the page of one."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple, get_args

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contract.events.rules.rule_change import Share
from streams.contract.wire.times import moment_ms
from streams.desk.console.casework.permissions import Person, may_see_rules, rule_role
from streams.desk.console.read_model.statements import SQL
from streams.desk.console.rule_comparing import Compared
from streams.desk.console.web.context import Console, console_of, page, person_of
from streams.desk.console.web.rules.judged_by import JudgedBy, judged_by, puts_into_force
from streams.desk.text.back_test_text import back_test_text
from streams.desk.text.rule_trial_text import trial_text
from streams.registry.changes.history import Proposal, RuleHistory, Told
from streams.running.clients.rules_in_force import RulesInForce, Versions

# What a person reads at once; `tocsin rules list` has all.
_MOST_ACTS: Final = 100


class InPartitions(NamedTuple):
    """Partitions whose last cases have the same versions, which these are, and when the last one was."""

    partitions: str
    judged_by: JudgedBy
    versions: Versions
    last_ms: int


class Waiting(NamedTuple):
    """A proposal, the acts by which it was checked, and what the last back-test found.

    `problem` says why this console cannot use it, None if it can; empty while it is being tried.
    """

    proposal: Proposal
    checks: Sequence[Told]
    back_test: str | None
    problem: str | None


async def rules(request: Request) -> Response:
    """What is in force and where, what is proposed, and what was decided. Raises HTTPException."""
    _require_may_see(person_of(request))
    return await run_in_threadpool(_rules, request)


async def rule_set(request: Request) -> Response:
    """What a set changes, what was decided about it, and what may be. Raises HTTPException."""
    _require_may_see(person_of(request))
    return await rule_set_page(request)


async def rule_set_page(request: Request, said: str | None = None, status_code: int = 200) -> Response:
    """The page of the set that the path names. `said` is what to tell the reader first.

    Raises HTTPException if the log has no such set.
    """
    console, named = console_of(request), request.path_params["rule_set"]
    told = [each for each in tuple(console.rules.history.acts) if each.act.rule_set == named]
    if not told:
        raise HTTPException(404, "The log of rules has no such set.")
    parent, compared = await _compared(console, named, told)
    proposal = console.rules.history.proposals.get(named)
    context = {
        **_shared(console, person_of(request)),
        "said": said,
        "rule_set": named,
        "proposal": proposal,
        "back_test": None if proposal is None else back_tested(proposal),
        "told": [each for each in told if each.problem is None],
        "state": state_of(console.rules.history, named, told),
        "parent": parent,
        "compared": compared,
        "typed": "",
    }
    return await run_in_threadpool(page, request, "rule_set.html", context, status_code)


async def _compared(console: Console, named: str, told: Sequence[Told]) -> tuple[str | None, Compared]:
    """What a set was made to replace, and what differs from it."""
    made = next(
        (each.act for each in reversed(told) if each.act.kind == "proposed" and each.problem is None), None
    )
    if made is None:
        return None, Compared(None, "its proposal is not among the acts that count")
    return made.parent, await console.comparing.compared(made.parent, named)


def state_of(history: RuleHistory, rule_set: str, told: Sequence[Told]) -> str:
    """What a set is now, in words."""
    if history.in_force is not None and history.in_force.rule_set == rule_set:
        return "in force"
    if history.trial is not None and history.trial.rule_set == rule_set:
        return f"judges {history.trial.share} % of channels" if history.trial.share else "in shadow"
    if rule_set in history.proposals:
        return "proposed"
    if rule_set in history.past:
        return "was in force before"
    rejected = any(each.act.kind == "rejected" and each.problem is None for each in told)
    return "rejected" if rejected else "never counted"


def back_tested(proposal: Proposal) -> str | None:
    """What the last back-test of a proposal found, in words; None without one."""
    return None if proposal.back_test is None else back_test_text(proposal.back_test)


def _rules(request: Request) -> Response:
    console, person = console_of(request), person_of(request)
    history, standing = console.rules.history, console.rules.standing()
    told = tuple(history.acts)
    problems = dict(standing.not_ready)
    counted = [each for each in told if each.problem is None]
    shown = told if request.query_params.get("listed") == "all" else counted
    context = {
        **_shared(console, person),
        "differs": standing.differs,
        "not_ready": None if history.in_force is None else problems.get(history.in_force.rule_set),
        "unknown": history.why_unknown(),
        "versions": console.rules.versions,
        "put_by": next((each.act for each in reversed(told) if puts_into_force(each)), None),
        "waiting": [
            Waiting(
                each,
                [
                    one
                    for one in counted
                    if one.act.kind == "checked"
                    and one.act.rule_set == each.rule_set
                    and one.appended_ms >= each.since_ms
                ],
                back_tested(each),
                None if console.rules.of(each.rule_set) is not None else problems.get(each.rule_set, ""),
            )
            for each in sorted(dict(history.proposals).values(), key=lambda each: -each.since_ms)
        ],
        "partitions": list(in_partitions(console.database.reader(), console.rules)),
        "told": shown[: -_MOST_ACTS - 1 : -1],
        "left_out": max(0, len(shown) - _MOST_ACTS),
        "not_counted": len(told) - len(counted),
        "listed": "all" if shown is told else "counted",
    }
    return page(request, "rules.html", context)


def _require_may_see(person: Person) -> None:
    if not may_see_rules(person):
        raise HTTPException(403, "Sets of rules are for leads and legal, and for those who may only read.")


def _shared(console: Console, person: Person) -> dict[str, Any]:
    """What both pages need to show acts, and what a person may do here."""
    history, numbers = console.rules.history, console.rules.standing().numbers
    trial = history.trial
    return {
        "nav": "rules",
        "in_force": history.in_force,
        "before": history.before,
        "past": list(history.past),
        "version": history.version,
        "trial": None if trial is None or numbers is None else trial_text(trial, numbers),
        "on_trial": None if trial is None else trial.rule_set,
        "halted": history.halted,
        "shares": get_args(Share),
        "acts_here": console.rule_acts is not None and rule_role(person) is not None,
        "by_command": console.rule_acts is None,
    }


def in_partitions(reader: sqlite3.Connection, rules: RulesInForce) -> Iterator[InPartitions]:
    """By which rules the last case of each partition was judged, partitions with the same ones together."""
    rows = [
        (Versions(row["policy_version"], row["registry_version"]), row["partition"], moment_ms(row["at"]))
        for row in reader.execute(SQL["partition_rules"])
    ]
    for versions, group in groupby(sorted(rows), key=lambda row: row[0]):
        members = list(group)
        last_ms = max(at_ms for _, _, at_ms in members)
        found = judged_by(rules, versions)
        yield InPartitions(ranges([number for _, number, _ in members]), found, versions, last_ms)


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers in few words, such as `0 to 3, 7`."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), key=lambda each: each[1] - each[0])
    ]
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
