"""Two searches for a run in which the protocol fails: all states of a small world, and random runs of larger ones."""

import random
from collections import deque
from collections.abc import Iterable

import msgspec

from tests.model import words
from tests.model.steps import Step, WrongRecords, all_applied, next_state, fences_live_member, steps
from tests.model.world import Faults, State, World, initial_state

# The longest of 60,000 runs of the protocol had 287 steps.
ENOUGH_STEPS = 1_000

LONGEST_TEXT = 100


class Failed(Exception):
    """The protocol failed in a run, which the text describes step by step."""

    def __init__(self, world: World, first: State, run: list[Step], reason: str, number: int = 0) -> None:
        super().__init__()
        self.world, self.first, self.run, self.reason, self.number = world, first, run, reason, number

    def __str__(self) -> str:
        lines = words.describe(self.world, self.first, self.run)
        if len(lines) > LONGEST_TEXT:
            # A run that goes round in circles: its end shows the circle.
            lines = [f"... {len(lines) - LONGEST_TEXT} steps ...", *lines[-LONGEST_TEXT:]]
        which = f"Run {self.number}" if self.number else "A run"
        return "\n".join((f"{which} fails ({self.reason}):", *lines, f"So {self.reason}."))


class Stuck(Failed):
    """Some records are never applied, though no further fault happens."""


class LiveMemberFenced(Failed):
    """A process was fenced though it runs and is a member of the group."""


class Wrong(Failed):
    """The committed records of a partition are not 0, 1, 2, ..."""


class Tally(msgspec.Struct):
    """How much a search covered."""

    runs: int = 0
    steps: int = 0
    kills: int = 0
    states: int = 0


def all_states(world: World, faults: Faults, *, protect_members: bool = False) -> Tally:
    """Visit every reachable state. Raises Failed with a shortest run that fails.

    `protect_members` makes the fence of a live member a failure. In the first state worker A has joined: workers are
    alike, so the one that joins first is called A, which halves the number of states.
    """
    first = next_state(world, initial_state(world, faults), Step("join", 0))
    came_from: dict[State, tuple[State, Step] | None] = {first: None}
    leads_here: dict[State, list[State]] = {}
    finished = []
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        if all_applied(world, state):
            finished.append(state)
        for step in steps(world, state):
            if protect_members and fences_live_member(state, step):
                raise LiveMemberFenced(
                    world, first, [*_way(came_from, state), step], "a live member is fenced"
                )
            try:
                after = next_state(world, state, step)
            except WrongRecords as wrong:
                raise Wrong(world, first, [*_way(came_from, state), step], str(wrong)) from None
            if after not in came_from:
                came_from[after] = state, step
                waiting.append(after)
            if not step.fault:
                leads_here.setdefault(after, []).append(state)
    alive = _all_before(finished, leads_here)
    if stuck := next((state for state in came_from if state not in alive), None):
        raise Stuck(world, first, _way(came_from, stuck), "some records can never be applied")
    return Tally(states=len(came_from))


def _way(came_from: dict[State, tuple[State, Step] | None], state: State) -> list[Step]:
    way = []
    while before := came_from[state]:
        state, step = before
        way.append(step)
    return way[::-1]


def _all_before(finished: list[State], leads_here: dict[State, list[State]]) -> set[State]:
    """Return all states from which a finished one can be reached without a fault."""
    found, waiting = set(finished), list(finished)
    while waiting:
        for state in leads_here.get(waiting.pop(), ()):
            if state not in found:
                found.add(state)
                waiting.append(state)
    return found


def random_runs(world: World, most: Faults, runs: Iterable[int], *, protect_members: bool = False) -> Tally:
    """Play random runs until nothing but faults is possible. Raises Failed with the first run that fails.

    A run's number is its seed. Each run draws its number of faults, up to `most`, and when the last one may happen.
    """
    tally = Tally()
    for number in runs:
        _play(world, most, number, tally, protect_members=protect_members)
    return tally


def _play(world: World, most: Faults, number: int, tally: Tally, *, protect_members: bool) -> None:
    rng = random.Random(number)
    faults = Faults(*(rng.randint(0, getattr(most, name)) for name in Faults.__struct_fields__))
    first = state = initial_state(world, faults)
    calm_after = rng.randint(20, 400)
    slow: frozenset[int | str] = frozenset()
    run: list[Step] = []
    tally.runs += 1
    for count in range(ENOUGH_STEPS):
        if count == calm_after:
            slow = frozenset()
        elif count < calm_after and rng.random() < 0.03:
            # Until the next change these workers, or all markers, make almost no progress.
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
        if protect_members and fences_live_member(state, step):
            raise LiveMemberFenced(world, first, run, "a live member is fenced", number)
        try:
            state = next_state(world, state, step)
        except WrongRecords as wrong:
            raise Wrong(world, first, *_shortened(world, first, run, str(wrong)), number) from None
    if not all_applied(world, state):
        raise Stuck(world, first, run, "some records are never applied", number)


def _choose(rng: random.Random, possible: list[Step], slow: frozenset[int | str]) -> Step:
    for _ in range(10):
        step = possible[int(rng.random() * len(possible))]
        likely = _likely(step, slow)
        if likely == 1 or rng.random() < likely:
            return step
    return step


def _likely(step: Step, slow: frozenset[int | str]) -> float:
    """Return the probability with which a step is accepted when it is drawn.

    In reality a worker is evicted because it is stopped, and a stopped worker that continues later is the hardest case
    for the protocol. So slow workers are evicted often. Other faults are rare, to be spread over the whole run.
    """
    if step.fault == "evict":
        return 0.5 if step.who.worker in slow else 0.03
    if step.fault:
        return 0.1
    return 0.02 if (step.who if isinstance(step.who, int) else step.name) in slow else 1


def _shortened(world: World, first: State, run: list[Step], reason: str) -> tuple[list[Step], str]:
    """Return a shorter run with wrong records, and the reason. Drops each step that is not needed for them."""
    at = len(run) - 1
    while at >= 0:
        less = _replayed(world, first, run[:at] + run[at + 1 :])
        if less and len(less[0]) < len(run):
            run, reason = less
            at = len(run)
        at -= 1
    return run, reason


def _replayed(world: World, first: State, run: list[Step]) -> tuple[list[Step], str] | None:
    """Repeat the steps that are still possible. Return them and the reason if records become wrong, otherwise None."""
    state, taken = first, list[Step]()
    for step in run:
        if step not in steps(world, state):
            continue
        taken.append(step)
        try:
            state = next_state(world, state, step)
        except WrongRecords as wrong:
            return taken, str(wrong)
    return None
