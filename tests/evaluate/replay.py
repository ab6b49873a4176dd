"""Replays ratings of people by people, with a list of who is known to be honest or fraudulent.

A negative rating is a report about the profile of whoever was rated. A desk decides eight hours later, if it is
known what the rated person is: upheld if fraudulent, dismissed if honest. Then the question is whether trust
tells the raters apart who are known to be honest or fraudulent themselves: their own label is used for no
decision about their reports.

Formats, without a heading: `rater,rated,rating,seconds since the epoch` and `person,1 or -1`, as the Bitcoin OTC
and Alpha networks (Stanford SNAP) and the labels of REV2 (Kumar et al., WSDM 2018) have them. Nothing of them is
in this repository: the reader of this brings the files.
"""

import csv
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from streams.registry.rules import Rules
from tests.evaluate.figures import Figures
from tests.evaluate.stages import DAY, HOUR, Stages

_LATE = 8 * HOUR
# A target of fewer raters says nothing of crowds.
_CROWD = 5


class Rating(NamedTuple):
    """A rating at `at` (ms); negative ones are reports."""

    at: int
    rater: str
    rated: str
    value: float


def read_ratings(path: Path) -> list[Rating]:
    """Return the ratings in the order of time. Raises ValueError with the line that is none."""
    found = []
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            try:
                rater, rated, value, at = row
                found.append(Rating(int(float(at) * 1000), f"u-{rater}", f"c-{rated}", float(value)))
            except ValueError as error:
                raise ValueError(
                    f"{path}, line {number}: must be rater,rated,rating,seconds since the epoch"
                ) from error
    return sorted(found)


def read_labels(path: Path) -> dict[str, bool]:
    """Return who is honest (True) or fraudulent. Raises ValueError with the line that is no label."""
    found = {}
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if len(row) != 2 or row[1] not in ("1", "-1"):
                raise ValueError(f"{path}, line {number}: must be person,1 or person,-1")
            found[row[0]] = row[1] == "1"
    return found


def replay(ratings: list[Rating], labels: dict[str, bool], rules: Rules) -> Figures:
    """Play the negative ratings, and return what trust and links say of the people with a label."""
    stages = Stages(rules, together=0)
    negative = [each for each in ratings if each.value < 0]
    versions: Counter[str] = Counter()
    planned: set[tuple[str, int]] = set()
    raters: dict[str, set[str]] = defaultdict(set)
    factors: dict[str, float] = {}
    about_labelled = 0

    def decide(at: int, rated: str, honest: bool) -> None:  # noqa: FBT001
        message = f"profile-{versions[rated]}"
        stages.outcome(at, "dismissed" if honest else "upheld", rated, message=message)
        # What is said later is about what the profile has become since.
        versions[rated] += 1

    for each in negative:
        # Decisions that are due come first.
        stages.run_until(each.at)
        rater = each.rater.removeprefix("u-")
        if rater in labels and (trust := stages.trust(each.rater)).outcomes:
            # Of their last report: outcomes fade, and these ratings span years.
            factors[rater] = trust.factor
        stages.report(each.at, each.rated, "fraud", each.rater, message=f"profile-{versions[each.rated]}")
        raters[each.rated].add(each.rater)
        honest = labels.get(each.rated.removeprefix("c-"))
        if honest is None:
            continue
        about_labelled += 1
        profile = each.rated, versions[each.rated]
        if profile not in planned:
            planned.add(profile)
            stages.schedule(
                each.at + _LATE, lambda at, rated=each.rated, honest=honest: decide(at, rated, honest)
            )
    stages.run_until(negative[-1].at + DAY)
    found: Figures = {
        "ratings": float(len(ratings)),
        "negative ratings": float(len(negative)),
        "of them about a person with a label": float(about_labelled),
    }
    by_label = {}
    for name, honest in (("honest", True), ("fraudulent", False)):
        known = by_label[honest] = [factor for one, factor in factors.items() if labels[one] is honest]
        found[f"{name} raters with outcomes"] = float(len(known))
        if known:
            found[f"factor, {name}"] = mean(known)
        of = [f"u-{one}" for one in labels if labels[one] is honest]
        found[f"linked, {name}"] = mean(map(stages.was_linked, of)) if of else 0.0
    if all(by_label.values()):
        found["an honest one is trusted more than a fraudulent one (AUC)"] = mean(
            1.0 if good > bad else 0.5 if good == bad else 0.0 for good, bad in product(*by_label.values())
        )
    found["people rated by 5 or more negatively"] = float(
        sum(len(each) >= _CROWD for each in raters.values())
    )
    found["episodes of fraud"] = float(
        sum(
            event["policy"] == "fraud" and event["type"] == "opened" for event in stages.events["escalations"]
        )
    )
    return found
