"""What played worlds say about the aims: one dictionary per run, and tables of many."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean, median

from tests.evaluate.play import Outcome, Played

Figures = dict[str, float]

# figure -> (aim, whether a value meets it)
AIMS: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "honest linked %": ("<= 0.3", lambda value: value <= 0.3),
    "waves: opened": (">= 0.99", lambda value: value >= 0.99),
    "waves: delay of level 1, s, 90th pct": ("<= 60", lambda value: value <= 60),
    "waves: voices kept, 10th pct": (">= 0.95", lambda value: value >= 0.95),
    "attacked waves: level kept": ("1", lambda value: value >= 1),
    "brigades: recall, 5 targets": (">= 0.75", lambda value: value >= 0.75),
    "brigades: recall, 10 targets": (">= 0.95", lambda value: value >= 0.95),
    "strangers at level 2, no person asked": ("0", lambda value: value == 0),
}


def figures(played: Played) -> Figures:
    """Return the figures of one run; those of which the world has nothing are left out."""
    world, stages = played.world, played.stages
    found: Figures = {
        "reports": float(len(world.reports)),
        "honest linked %": 100 * _share(map(stages.was_linked, world.honest - _framed(played))),
    }
    # In the cooldown of an earlier episode nothing opens, whoever reports.
    right = [each for each in played.outcomes if each.right and each.by_heads and not each.cooling]
    waves = [each for each in right if "wave," not in each.story]
    attacked = [each for each in right if "wave," in each.story]
    found |= _waves("waves", waves) | _waves("attacked waves", attacked)
    found |= _recall(played)
    brigades = [each for each in played.outcomes if not each.right and each.target.policy == "fraud"]
    for name, chosen in (
        ("1st targets", [each for each in brigades if each.number == 0]),
        ("later targets", [each for each in brigades if each.number >= 2]),
    ):
        reached = [each for each in chosen if max(each.by_heads, default=0) >= 2]
        if reached:
            found[f"brigades: {name} at level 2, of those by heads"] = _share(
                each.level >= 2 for each in reached
            )
            found[f"brigades: voices of heads, {name}"] = mean(each.voices / each.heads for each in reached)
    found["strangers at level 2, no person asked"] = float(_unasked(played, brigades))
    found |= _trust(played)
    asked = stages.questions()
    found["questions a day"] = len(asked) / world.days
    found["questions per 1,000 reports"] = 1000 * len(asked) / len(world.reports)
    found["cases a day: level 1 and above"] = _opened(played) / world.days
    return found


def _framed(played: Played) -> set[str]:
    """The honest people at whom an attack on a wave is aimed: what becomes of them is that row's subject."""
    return {who for story in played.world.stories if "wave," in story.name for who in story.members}


def _waves(name: str, waves: Sequence[Outcome]) -> Figures:
    if not waves:
        return {}
    by_level = {level: [each for each in waves if level in each.by_heads] for level in (1, 2)}
    delays = {
        level: sorted(
            (each.reached[level] - each.by_heads[level]) / 1000 for each in chosen if level in each.reached
        )
        for level, chosen in by_level.items()
    }
    kept = sorted(each.voices / each.heads for each in waves if each.heads)
    found = {
        f"{name}: opened": _share(1 in each.reached for each in by_level[1]),
        f"{name}: delay of level 1, s, 90th pct": _percentile(delays[1], 0.9),
        f"{name}: level 2 reached": _share(2 in each.reached for each in by_level[2]),
        f"{name}: delay of level 2, s, median": median(delays[2]) if delays[2] else float("nan"),
        f"{name}: delay of level 2, s, 90th pct": _percentile(delays[2], 0.9),
        f"{name}: level kept": _share(each.level >= max(each.by_heads) for each in waves),
        f"{name}: voices kept, median": median(kept),
        f"{name}: voices kept, 10th pct": _percentile(kept, 0.1),
        f"{name}: suspected %": 100 * _share(each.suspected for each in waves),
    }
    return found


def _recall(played: Played) -> Figures:
    members: dict[str, list[str]] = defaultdict(list)
    for story in played.world.stories:
        if story.name.startswith("plain, "):
            members[story.name.removeprefix("plain, ")] += story.members
    return {
        f"brigades: recall, {targets}": _share(map(played.stages.was_linked, of))
        for targets, of in members.items()
    }


def _unasked(played: Played, brigades: Iterable[Outcome]) -> int:
    """How many targets were at level 2 although no question about their channel had been answered."""
    answered = {event["channel_ref"] for event in played.stages.questions("answered")}
    return sum(each.level >= 2 and each.target.channel not in answered for each in brigades)


def _trust(played: Played) -> Figures:
    members = {
        who
        for story in played.world.stories
        if not story.right and len(story.targets) > 1
        for who in story.members
    }
    found: Figures = {}
    factors = []
    for name, people in (("honest", sorted(played.world.honest)), ("brigades", sorted(members))):
        # Of whom nothing was decided nothing can be said.
        known = [trust for who in people if (trust := played.stages.trust(who)).outcomes]
        factors.append(sorted(trust.factor for trust in known))
        if known:
            found[f"trust: factor, {name}"] = mean(trust.factor for trust in known)
            found[f"trust: medium and above, {name}"] = _share(trust.trust_class != "low" for trust in known)
    honest, brigades = factors
    if honest and brigades:
        found["trust: an honest one above one of a brigade"] = mean(
            (bisect_left(brigades, each) + bisect_right(brigades, each)) / 2 / len(brigades)
            for each in honest
        )
    return found


def _opened(played: Played) -> int:
    return sum(event["type"] == "opened" for event in played.stages.events["escalations"])


def stories(played: Played) -> dict[str, Figures]:
    """Return, by story, how its targets fared in this run."""
    grouped: dict[str, list[Outcome]] = defaultdict(list)
    for each in played.outcomes:
        grouped[each.story].append(each)
    return {
        name: {
            "targets": float(len(of)),
            "heads": mean(each.heads for each in of),
            "voices": mean(each.voices for each in of),
            "by heads": mean(max(each.by_heads, default=0) for each in of),
            "level": mean(each.level for each in of),
            "level 2": _share(each.level >= 2 for each in of),
            "suspected": _share(each.suspected for each in of),
        }
        for name, of in grouped.items()
    }


def table(by_column: Mapping[str, Sequence[Figures]]) -> str:
    """Return a table in Markdown: the mean over the runs of each column, and the range."""
    names = dict.fromkeys(name for runs in by_column.values() for run in runs for name in run)
    lines = [
        "| figure | aim | " + " | ".join(by_column) + " |",
        "| --- | --- |" + " --- |" * len(by_column),
    ]
    for name in names:
        aim, meets = AIMS.get(name, ("", None))
        cells = [_cell([run[name] for run in runs if name in run], meets) for runs in by_column.values()]
        lines.append(f"| {name} | {aim} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def story_table(runs: Sequence[Mapping[str, Figures]]) -> str:
    """Return a table in Markdown of how each story's targets fared, over all runs."""
    names = dict.fromkeys(name for run in runs for name in run)
    lines = [
        "| story | targets | heads | voices | level by heads | level | at level 2 | suspected |",
        "| --- |" + " --- |" * 7,
    ]
    for name in names:
        of = [run[name] for run in runs if name in run]
        values = [sum(each["targets"] for each in of)]
        values += [
            mean(each[key] for each in of)
            for key in ("heads", "voices", "by heads", "level", "level 2", "suspected")
        ]
        cells = [f"{values[0]:.0f}", *(f"{value:.1f}" for value in values[1:3])]
        cells += [f"{value:.2f}" for value in values[3:]]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values) if values else float("nan")


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def _cell(values: Sequence[float], meets: Callable[[float], bool] | None) -> str:
    values = [value for value in values if value == value]
    if not values:
        return ""
    missed = " **missed**" if meets is not None and not meets(mean(values)) else ""
    if min(values) == max(values):
        return f"{_text(values[0])}{missed}"
    return f"{_text(mean(values))} ({_text(min(values))} to {_text(max(values))}){missed}"


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
