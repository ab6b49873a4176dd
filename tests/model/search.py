"""Two searches for a state in which the protocol is wrong: through all states of a small world, and by chance."""

import random
from collections import deque
from collections.abc import Iterable

import msgspec

from tests.model import words
from tests.model.steps import Step, WrongRecords, all_applied, happen, hits_live_member, steps
from tests.model.world import Faults, State, World, beginning

# A run that has ended its faults needs some 100 steps more. Of 60,000 runs of the protocol none needed 1,000.
ENOUGH_STEPS = 3_000


class Failed(Exception):
    """A run of the model went wrong. Its text is the run in words."""

    def __init__(self, world: World, first: State, run: list[Step], reason: str, number: int = 0) -> None:
        super().__init__()
        self.world, self.first, self.run, self.reason, self.number = world, first, run, reason, number

    def __str__(self) -> str:
        told = words.tell(self.world, self.first, self.run)
        which = f"Run {self.number}" if self.number else "A run"
        return f"{which} fails ({self.reason}):\n{told}\nSo {self.reason}."


class Stuck(Failed):
    """Not every record can be applied any more without another fault."""


class LiveMemberFenced(Failed):
    """A process was fenced that runs and is a member of the group."""


class Wrong(Failed):
    """The committed records of a partition are not 0, 1, 2, ..."""


class Tally(msgspec.Struct):
    """What a search went through."""

    runs: int = 0
    steps: int = 0
    kills: int = 0
    states: int = 0


def all_states(world: World, faults: Faults, *, spare_members: bool = False) -> Tally:
    """Visit every state that can be reached. Raises Failed with a shortest run that is wrong, or one that is stuck.

    `spare_members` raises it for the fence of a live member too. Worker A has joined in the first state: workers do not
    differ, so one of them may be called A that joins first.
    """
    first = happen(world, beginning(world, faults), Step("join", 0))
    came_from: dict[State, tuple[State, Step] | None] = {first: None}
    leads_here: dict[State, list[State]] = {}
    finished = []
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        if all_applied(world, state):
            finished.append(state)
        for step in steps(world, state):
            if spare_members and hits_live_member(state, step):
                raise LiveMemberFenced(
                    world, first, [*_way(came_from, state), step], "a live member is fenced"
                )
            try:
                after = happen(world, state, step)
            except WrongRecords as wrong:
                raise Wrong(world, first, [*_way(came_from, state), step], str(wrong)) from None
            if after not in came_from:
                came_from[after] = state, step
                waiting.append(after)
            if not step.fault:
                leads_here.setdefault(after, []).append(state)
    hopeful = _all_before(finished, leads_here)
    if stuck := next((state for state in came_from if state not in hopeful), None):
        raise Stuck(world, first, _way(came_from, stuck), "not everything can be applied any more")
    return Tally(states=len(came_from))


def _way(came_from: dict[State, tuple[State, Step] | None], state: State) -> list[Step]:
    way = []
    while before := came_from[state]:
        state, step = before
        way.append(step)
    return way[::-1]


def _all_before(finished: list[State], leads_here: dict[State, list[State]]) -> set[State]:
    """Return all states from which one of the finished ones is reached without a fault."""
    found, waiting = set(finished), list(finished)
    while waiting:
        for state in leads_here.get(waiting.pop(), ()):
            if state not in found:
                found.add(state)
                waiting.append(state)
    return found


def by_chance(world: World, most: Faults, runs: Iterable[int], *, spare_members: bool = False) -> Tally:
    """Play one run per number, which is its seed. Raises Failed with the first that is wrong or does not apply all.

    Each run draws how many faults may happen, at most `most`, and when they end.
    """
    tally = Tally()
    for number in runs:
        _play(world, most, number, tally, spare_members=spare_members)
    return tally


def _play(world: World, most: Faults, number: int, tally: Tally, *, spare_members: bool) -> None:
    rng = random.Random(number)
    faults = Faults(*(rng.randint(0, getattr(most, name)) for name in Faults.__struct_fields__))
    first = state = beginning(world, faults)
    calm_after = rng.randint(20, 400)
    slow: frozenset[int | str] = frozenset()
    run: list[Step] = []
    tally.runs += 1
    for count in range(ENOUGH_STEPS):
        if count == calm_after:
            slow = frozenset()
        elif count < calm_after and rng.random() < 0.03:
            # For some 30 steps these workers, or the markers, stand nearly still.
            names = (*range(world.workers), "marker")
            slow = frozenset(each for each in names if rng.random() < 0.4)
        possible = steps(world, state)
        calm = [step for step in possible if not step.fault]
        if not calm:
            break
        if count >= calm_after:
            possible = calm
        step = _choose(rng, possible, slow)
        run.append(step)
        tally.steps += 1
        tally.kills += step.name == "kill"
        if spare_members and hits_live_member(state, step):
            raise LiveMemberFenced(world, first, run, "a live member is fenced", number)
        try:
            state = happen(world, state, step)
        except WrongRecords as wrong:
            raise Wrong(world, first, *_shortened(world, first, run, str(wrong)), number) from None
    if not all_applied(world, state):
        raise Stuck(world, first, run, "not everything is applied long after the last fault", number)


def _choose(rng: random.Random, possible: list[Step], slow: frozenset[int | str]) -> Step:
    for _ in range(10):
        step = possible[int(rng.random() * len(possible))]
        likely = _likely(step, slow)
        if likely == 1 or rng.random() < likely:
            return step
    return step


def _likely(step: Step, slow: frozenset[int | str]) -> float:
    """Return how likely a step happens now, compared with others that are possible.

    A session ends because its worker stands still, which is also where protocols break: so these two come together.
    Other faults are rare enough to fall into every part of a run.
    """
    if step.fault == "put_out":
        return 0.5 if step.who.worker in slow else 0.03
    if step.fault:
        return 0.1
    return 0.02 if (step.who if isinstance(step.who, int) else step.name) in slow else 1


def _shortened(world: World, first: State, run: list[Step], reason: str) -> tuple[list[Step], str]:
    """Return a shorter run that ends in wrong records too, and in which: no step can be left out with what needs it."""
    at = len(run) - 1
    while at >= 0:
        less = _replayed(world, first, run[:at] + run[at + 1 :])
        if less and len(less[0]) < len(run):
            run, reason = less
            at = len(run)
        at -= 1
    return run, reason


def _replayed(world: World, first: State, run: list[Step]) -> tuple[list[Step], str] | None:
    """Return those steps of a run that can happen up to the first wrong records, and these; None if there are none."""
    state, happened = first, []
    for step in run:
        if step not in steps(world, state):
            continue
        happened.append(step)
        try:
            state = happen(world, state, step)
        except WrongRecords as wrong:
            return happened, str(wrong)
    return None
