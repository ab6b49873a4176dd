"""What asking a desk about two reports does: to waves, to brigades, and to who wants to spoil the question.

`python -m tests.evaluate.asking --seeds 200` prints the table of docs/trust-measured-desks.md, 'Asking a desk'.
"""

import argparse
import dataclasses
import random
import statistics
from dataclasses import dataclass
from typing import Any, Final

from tests.evaluate.stages import DAY, HOUR, MINUTE, START, Stages, milliseconds, shipped

_MEDIAN: Final = 15 * MINUTE
_SPREAD: Final = 1.1


@dataclass(frozen=True, slots=True)
class Crowd:
    """`right` people report a scam within two hours. `wrong` ones report an innocent message: with the others,
    or before them (`first`). `bait` of them report a true violation that they posted themselves instead. A desk
    errs in a share of its decisions (`errs`).
    """

    right: int = 0
    wrong: int = 0
    first: bool = False
    bait: int = 0
    errs: float = 0.0


CROWDS: Final = {
    "a wave of 80": Crowd(right=80),
    "a wave of 25": Crowd(right=25),
    "a brigade of 40": Crowd(wrong=40),
    "a brigade of 200": Crowd(wrong=200),
    "a brigade of 40, one of them with bait": Crowd(wrong=40, bait=1),
    "a brigade of 40, four of them with bait": Crowd(wrong=40, bait=4),
    "a wave of 80, 20 false reports first": Crowd(right=80, wrong=20, first=True),
    "a wave of 80, 80 false reports first": Crowd(right=80, wrong=80, first=True),
    "a wave of 80, 80 false reports among them": Crowd(right=80, wrong=80),
}


@dataclass(frozen=True, slots=True)
class Played:
    """Whether level 2 was reached, how long (ms) it waited for an answer, and how often a desk was asked."""

    raised: bool
    waited: int
    questions: int
    decisions: int


def play(crowd: Crowd, seed: int) -> Played:
    """Play one crowd that reports one channel as fraud, with the shipped rules asking live."""
    chance = random.Random(seed)
    stages = Stages(shipped(ask="live"))
    decided: dict[str, str] = {}

    def answer(at: int, event: dict[str, Any]) -> None:
        for message in dict.fromkeys(report["message_ref"] for report in event["reports"]):
            if message not in decided:
                right = (message != "innocent") != (chance.random() < crowd.errs)
                decided[message] = "upheld" if right else "dismissed"
                stages.outcome(at, decided[message], event["channel_ref"], message=message)  # type: ignore[arg-type]

    def see(topic: str, event: dict[str, Any]) -> None:
        if topic == "review-questions" and event["type"] == "asked":
            delay = max(int(_MEDIAN * chance.lognormvariate(0, _SPREAD)), MINUTE)
            stages.schedule(milliseconds(event["at"]) + delay, lambda at: answer(at, event))

    stages.desk = see
    begin = START + HOUR
    reports = [(begin + chance.random() * 2 * HOUR, "scam") for _ in range(crowd.right)]
    early = begin - 3 * HOUR if crowd.first else begin
    reports += [
        (early + chance.random() * 2 * HOUR, "bait" if number < crowd.bait else "innocent")
        for number in range(crowd.wrong)
    ]
    for number, (at, message) in enumerate(sorted(reports)):
        stages.report(
            int(at), "channel", "fraud", f"u{seed}-{number}", member=True, age="over_1y", message=message
        )
    stages.run_until(START + DAY)
    reached = stages.reached("fraud", "channel", 2)
    asked = stages.questions()
    first = milliseconds(asked[0]["at"]) if asked else 0
    return Played(reached is not None, (reached or 0) - first, len(asked), len(decided))


def row(name: str, crowd: Crowd, seeds: int) -> str:
    """One row of the table, over so many seeds."""
    played = [play(crowd, seed) for seed in range(seeds)]
    raised = [each for each in played if each.raised]
    waited = statistics.median([each.waited for each in raised]) / MINUTE if raised else None
    questions = statistics.mean(each.questions for each in played)
    decisions = statistics.mean(each.decisions for each in played)
    shown = "-" if waited is None else f"{waited:.0f} min"
    return f"| {name} | {crowd.errs:.0%} | {len(raised) / seeds:.2f} | {shown} | {questions:.1f} | {decisions:.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    print("| crowd | desks err | at level 2 | median wait | questions | decisions |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, crowd in CROWDS.items():
        for errs in (0.0, 0.1, 0.3) if " first" not in name and "bait" not in name else (0.0,):
            print(row(name, dataclasses.replace(crowd, errs=errs), seeds), flush=True)


if __name__ == "__main__":
    main()
