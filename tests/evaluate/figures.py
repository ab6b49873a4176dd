"""What a played world says about the aims: one dictionary per run, and the table of many."""

from statistics import mean

from streams.counting.coordination.clusters import MILLION, voices_millionths
from tests.evaluate.fresh import levels_of_a_fresh_brigade
from tests.evaluate.play import Played
from tests.evaluate.world import TACTICS, TARGETS, Brigade, World

# figure -> (meaning, aim)
ROWS = {
    "honest linked %": ("honest reporters in a cluster, of all", "<= 0.3"),
    "recall, 3 targets": ("members of plain brigades in a cluster at least once", ""),
    "recall, 5 targets": ("", ">= 0.75"),
    "recall, 10 targets": ("", ">= 0.95"),
    "reports per target": ("reports of a brigade on a target, brigades with 5 or 10 targets", ""),
    "voices, 1st target": ("voices of a brigade on its first target", ""),
    "voices, 2nd target": ("", ""),
    "voices, later targets": ("mean over the third and later targets", "<= 4"),
    "voices, later, worst": ("", ""),
    "kept by waves, median": ("voices over reports, messages reported by communities", ""),
    "kept by waves, 10th pct": ("", ">= 0.95"),
    "waves opened": ("waves that reach level 1 by voices, of those that do by heads", ""),
    "delay s, 90th pct": ("event time by which voices open a wave later than heads", "<= 60"),
    "delay s, worst": ("", ""),
    "waves suspected %": ("waves marked as a brigade", ""),
    "fresh 100, highest level": ("of a fresh brigade alone, categories without a floor", "<= 1"),
}


def figures(world: World, played: Played) -> dict[str, float]:
    """Return the figures of one run."""
    found: dict[str, float] = {"honest linked %": 100 * len(played.linked & world.honest) / len(world.honest)}
    plain = [brigade for brigade in world.brigades if brigade.tactic == "plain"]
    for targets in TARGETS:
        found[f"recall, {targets} targets"] = _recall(
            [each for each in plain if each.targets == targets], played
        )
    by_order = [_voices(brigade, played) for brigade in plain if brigade.targets >= 5]
    reports = [
        played.messages[message].sums.reports
        for brigade in plain
        if brigade.targets >= 5
        for message in brigade.messages
        if message in played.messages
    ]
    later = [voices for each in by_order for voices in each[2:]]
    found |= {
        "reports per target": mean(reports),
        "voices, 1st target": mean(each[0] for each in by_order),
        "voices, 2nd target": mean(each[1] for each in by_order),
        "voices, later targets": mean(later),
        "voices, later, worst": max(later),
    }
    found |= _waves(world, played)
    found["fresh 100, highest level"] = max(
        level for level, floor in levels_of_a_fresh_brigade() if not floor
    )
    for tactic in TACTICS:
        brigades = [brigade for brigade in world.brigades if brigade.tactic == tactic]
        voices = [mean(_voices(brigade, played)) for brigade in brigades]
        accounts = mean(len(brigade.members) for brigade in brigades)
        found[f"tactic: {tactic}"] = mean(voices)
        found[f"recall: {tactic}"] = _recall(brigades, played)
        found[f"reports: {tactic}"] = mean(
            brigade.reports / sum(_voices(brigade, played)) for brigade in brigades
        )
        found[f"accounts: {tactic}"] = accounts
    return found


def _recall(brigades: list[Brigade], played: Played) -> float:
    members = [member for brigade in brigades for member in brigade.members]
    return sum(member in played.linked for member in members) / len(members)


def _voices(brigade: Brigade, played: Played) -> list[float]:
    """The voices on each target, in the order in which the targets were attacked."""
    seen = [played.messages[message] for message in brigade.messages if message in played.messages]
    seen.sort(key=lambda message: message.first)
    return [voices_millionths(message.sums) / MILLION for message in seen]


def _waves(world: World, played: Played) -> dict[str, float]:
    kept, delays, by_heads, suspected = [], [], 0, 0
    watched = {
        key: (channel, channel.opened)
        for channel in played.channels.values()
        for key in channel.suspected
        if key in world.wave_messages
    }
    for number, (channel, opened) in watched.items():
        sums = played.messages[number].sums
        kept.append(voices_millionths(sums) / MILLION / sums.reports)
        suspected += channel.suspected[number]
        heads, voices = opened.get((number, "heads")), opened.get((number, "voices"))
        if heads is not None:
            by_heads += 1
            if voices is not None:
                delays.append((voices - heads) / 1000)
    kept.sort()
    delays.sort()
    return {
        "kept by waves, median": kept[len(kept) // 2],
        "kept by waves, 10th pct": kept[len(kept) // 10],
        "waves opened": len(delays) / by_heads,
        "delay s, 90th pct": delays[len(delays) * 9 // 10],
        "delay s, worst": delays[-1],
        "waves suspected %": 100 * suspected / len(watched),
    }


def table(by_known: dict[str, list[dict[str, float]]]) -> str:
    """Return a table in Markdown: mean over the seeds, and the range."""
    lines = [
        "| figure | aim | " + " | ".join(by_known) + " |",
        "| --- | --- |" + " --- |" * len(by_known),
    ]
    for name, (_, aim) in ROWS.items():
        lines.append(
            f"| {name} | {aim} | " + " | ".join(_cell(runs, name) for runs in by_known.values()) + " |"
        )
    lines += [
        "",
        "| tactic (100 accounts, 5 targets) | column: recall / mean voices / reports per voice |",
        "| --- | --- |",
    ]
    for tactic in TACTICS:
        cells = [
            f"{known}: {_mean(runs, f'recall: {tactic}'):.2f} / {_mean(runs, f'tactic: {tactic}'):.1f} / "
            f"{_mean(runs, f'reports: {tactic}'):.1f}"
            for known, runs in by_known.items()
        ]
        lines.append(
            f"| {tactic} ({_mean(next(iter(by_known.values())), f'accounts: {tactic}'):.0f}) | "
            + "; ".join(cells)
            + " |"
        )
    return "\n".join(lines)


def _mean(runs: list[dict[str, float]], name: str) -> float:
    return mean(run[name] for run in runs)


def _cell(runs: list[dict[str, float]], name: str) -> str:
    values = [run[name] for run in runs]
    return f"{mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"
