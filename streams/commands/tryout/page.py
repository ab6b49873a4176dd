"""What a trial of somebody's own reports says, as a page with pictures for whoever decides about Tocsin."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from streams.commands.policy.trial import OpenedEpisode, Trial
from streams.commands.tryout.result import opened, summary, verdict
from streams.commands.tryout.rows import OwnReports
from streams.contract.wire.times import DAY
from streams.desk.text.routing_text import minute

_WIDTH, _HEIGHT = 900, 160

# Thinner bars could not be told apart.
_MOST_BARS: Final = 300

_HOW: Final = (
    "By the policies of this installation and the code of its workers. No desk answered, and legal clocks are "
    "left out."
)

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8885; vertical-align: top; }
.wide { overflow-x: auto; }
svg { width: 100%; height: auto; }
rect { fill: #4a7ab5; } .case { fill: #c0392b; } svg text { font-size: 12px; fill: currentColor; }
"""


def page(trial: Trial, reports: OwnReports, name: str) -> str:
    """The whole page; it loads nothing from anywhere."""
    found = opened(trial)
    return "".join(
        (
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(name)}: what would have opened</title><style>{_STYLE}</style>",
            f"<h1>{escape(verdict(trial))}</h1><p>{escape(summary(trial, reports))}</p>",
            _picture(reports, found),
            *_table(found, reports),
            *_unusable(reports),
            f"<p>{_HOW}</p></html>\n",
        )
    )


def _picture(reports: OwnReports, found: list[OpenedEpisode]) -> str:
    """Reports by day (or by more days, if there are many) as bars, and a mark where a case opened."""
    first, last = reports.rows[0].time_ms // DAY, reports.rows[-1].time_ms // DAY
    days = -(-(last - first + 1) // _MOST_BARS)
    counts = Counter((row.time_ms // DAY - first) // days for row in reports.rows)
    bars, highest = (last - first) // days + 1, max(counts.values())
    step = _WIDTH / bars

    def column(moment: str) -> int:
        return int((datetime.fromisoformat(moment).timestamp() * 1000 // DAY - first) // days)

    cases = Counter(column(episode.opened_at) for episode in found)
    shapes = [
        _bar(bar * step, step, count / highest, f"{_day(first + bar * days)}: {count:,} reports")
        for bar, count in sorted(counts.items())
    ]
    shapes += [
        _mark((bar + 0.5) * step, f"{_day(first + bar * days)}: {count:,} opened")
        for bar, count in sorted(cases.items())
    ]
    spoken = f"Reports by day, at most {highest:,}, and {len(found):,} cases that opened."
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT + 18}" role="img" aria-label="{spoken}">'
        f"{''.join(shapes)}"
        f'<text x="0" y="{_HEIGHT + 14}">{_day(first)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{_day(last)}</text></svg>'
        f"<figcaption>Reports {'a day' if days == 1 else f'in {days} days'}; a red mark is a case that would "
        "have opened.</figcaption></figure>"
    )


def _bar(left: float, step: float, share: float, said: str) -> str:
    height = share * (_HEIGHT - 30)
    return (
        f'<rect x="{left:.1f}" y="{_HEIGHT - height:.1f}" width="{max(step - 1, 0.5):.1f}" '
        f'height="{height:.1f}"><title>{said}</title></rect>'
    )


def _mark(middle: float, said: str) -> str:
    return f'<circle class="case" cx="{middle:.1f}" cy="12" r="5"><title>{said}</title></circle>'


def _day(days: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days):%Y-%m-%d}"


def _table(found: list[OpenedEpisode], reports: OwnReports) -> Iterator[str]:
    if not found:
        return
    yield "<h2>What, when and why</h2>"
    yield '<div class="wide"><table><tr><th>opened<th>policy<th>level<th>channel<th>why'
    for episode in found:
        cells = (
            minute(episode.opened_at),
            episode.policy,
            str(episode.level),
            reports.ids.get(episode.channel, episode.channel),
            episode.grounds,
        )
        yield "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells)
    yield "</table></div>"


def _unusable(reports: OwnReports) -> Iterator[str]:
    if not reports.unusable:
        return
    reasons = Counter(why for _, why in reports.unusable)
    yield '<h2>Rows that could not be used</h2><div class="wide"><table><tr><th>rows<th>why<th>first line'
    for why, count in reasons.most_common():
        first = next(line for line, each in reports.unusable if each == why)
        yield f"<tr><td>{count:,}<td>{escape(why)}<td>{first:,}"
    yield "</table></div>"
