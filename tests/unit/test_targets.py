"""What enters a reporter's signature, and when, against a model that keeps every report and decision."""

from hypothesis import given
from hypothesis import strategies as st

from streams.counting.coordination.signature import enter
from streams.deciding.reporters.targets import MOST_OPEN, WAIT_S, WEEK_S, Targets

S0 = 20_000 * 86_400
HOUR = 3_600


def signature(*targets: int) -> int:
    made = 0
    for target in targets:
        made = enter(made, target)
    return made


A, B = 1 | 7 << 8, 2 | 9 << 8

steps = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.sampled_from(["report", "member", "upheld", "dismissed", "alone"]),
        st.integers(1, 6),
    ),
    max_size=30,
)


def modelled(done: list[tuple[int, str, int]], now: int) -> int:
    """Replays all steps: which targets count at `now`, a week and less after the first of them."""
    found: dict[int, tuple[int, str]] = {}
    for at, what, number in done:
        if what in ("report", "member"):
            found.setdefault(number, (at, what))
        elif number in found:
            at, before = found[number]
            # Dismissed by one person: it enters only if it would without a decision.
            becomes = what if what != "alone" else "dismissed" if before == "report" else before
            found[number] = (at, becomes)
    return signature(
        *(
            target(number)
            for number, (at, what) in found.items()
            if what == "dismissed" or (what == "report" and at < now - WAIT_S)
        )
    )


def target(number: int) -> int:
    return number * 0x9E3779B97F4A7C15 & (1 << 64) - 1


@given(steps)
def test_targets_are_those_of_the_model(given_steps):
    targets, done, reported = Targets(), [], {}
    for hours, what, number in sorted(given_steps, key=lambda step: step[0]):
        now = S0 + hours * HOUR
        if what in ("report", "member"):
            reported.setdefault(number, now)
            targets.report(now, now, target(number), member=what == "member")
        elif number in reported:
            dismissed = what in ("dismissed", "alone")
            targets.decide(now, reported[number], target(number), dismissed=dismissed, sure=what != "alone")
        else:
            continue
        # An upheld target that is reported again is a new target, which a reporter's second report is not.
        if what == "report" or what == "member":
            if any(step[2] == number and step[1] == "upheld" for step in done):
                return
        done.append((now, what, number))
        assert targets.signature(now) == modelled(done, now)


def test_a_target_enters_after_a_day_unless_it_is_upheld():
    targets = Targets()
    targets.report(S0, S0, A, member=False)
    targets.report(S0, S0, B, member=False)
    assert targets.signature(S0 + WAIT_S) == 0
    assert targets.signature(S0 + WAIT_S + 1) == signature(A, B)
    targets.decide(S0 + WAIT_S + HOUR, S0, A, dismissed=False)
    assert targets.signature(S0 + WAIT_S + HOUR) == signature(B)


def test_what_a_member_reports_enters_only_when_it_is_dismissed():
    targets = Targets()
    targets.report(S0, S0, A, member=True)
    assert targets.signature(S0 + 3 * WAIT_S) == 0
    targets.decide(S0 + 3 * WAIT_S, S0, A, dismissed=True)
    assert targets.signature(S0 + 3 * WAIT_S) == signature(A)


def test_what_one_person_dismisses_enters_for_others_than_members():
    targets = Targets()
    targets.report(S0, S0, A, member=True)
    targets.report(S0, S0, B, member=False)
    for each in (A, B):
        targets.decide(S0 + HOUR, S0, each, dismissed=True, sure=False)
    assert targets.signature(S0 + HOUR) == signature(B)
    targets.decide(S0 + 2 * HOUR, S0, A, dismissed=True)
    assert targets.signature(S0 + 2 * HOUR) == signature(A, B)


def test_targets_are_remembered_for_one_to_two_weeks():
    week = S0 // WEEK_S * WEEK_S
    targets = Targets()
    targets.report(week, week, A, member=False)
    targets.report(week, week, B, member=True)
    for now, expected in (
        (week + WEEK_S + 1, signature(A)),
        (week + 2 * WEEK_S - 1, signature(A)),
        (week + 2 * WEEK_S, 0),
    ):
        targets.move_on(now)
        assert targets.signature(now) == expected


def test_the_number_of_open_targets_is_bounded_and_the_oldest_enters_early():
    targets = Targets()
    for number in range(MOST_OPEN + 5):
        targets.report(S0 + number, S0 + number, target(number), member=False)
    assert len(targets.open) == MOST_OPEN
    assert targets.signature(S0 + 60) == signature(*(target(number) for number in range(5)))
