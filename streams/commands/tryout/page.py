"""What a trial of somebody's own reports says, as a page with pictures for whoever decides about Tocsin."""

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import Final

from streams.commands.backtest.findings import OpenedEpisode
from streams.commands.backtest.trial import Trial
from streams.commands.tryout.result import COLUMNS, cells, opened, silent, summary, verdict
from streams.commands.tryout.rows import OwnReports
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, moment_ms
from streams.desk.text.routing_text import minute

_WIDTH, _HEIGHT = 900, 160

# Thinner bars could not be told apart.
_MOST_BARS: Final = 300

# Until then bars of an hour are wide enough.
_HOURS_MS: Final = 7 * DAY

_HOW: Final = (
    "By the policies of this installation and the code of its workers. No desk answered, and legal clocks "
    "are left out."
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
            *(f"<p>{escape(sentence)}</p>" for sentence in silent(trial, reports)),
            _picture(reports, found),
            *_table(found, reports),
            *_unusable(reports),
            f"<p>{_HOW}</p></html>\n",
        )
    )


def _picture(reports: OwnReports, found: list[OpenedEpisode]) -> str:
    """Reports by hour or day (or by more days, if there are many) as bars, and marks where cases opened."""
    first_ms, last_ms = reports.rows[0].time_ms, reports.rows[-1].time_ms
    unit = HOUR if last_ms - first_ms < _HOURS_MS else DAY
    width = unit * -(-(last_ms // unit - first_ms // unit + 1) // _MOST_BARS)
    start = first_ms // unit * unit
    counts = Counter((row.time_ms - start) // width for row in reports.rows)
    cases = Counter((moment_ms(episode.opened_at) - start) // width for episode in found)
    highest = max(counts.values())
    step = _WIDTH / ((last_ms - start) // width + 1)
    shapes = [
        _bar(bar * step, step, count / highest, f"{_moment(start + bar * width)}: {count:,} reports")
        for bar, count in sorted(counts.items())
    ]
    shapes += [
        _mark((bar + 0.5) * step, f"{_moment(start + bar * width)}: {count:,} opened")
        for bar, count in sorted(cases.items())
    ]
    each = f"{width // HOUR:,} hours" if width != HOUR else "one hour"
    spoken = f"Reports, at most {highest:,} in {each}, and {len(found):,} cases that opened."
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT + 18}" role="img" aria-label="{spoken}">'
        f"{''.join(shapes)}"
        f'<text x="0" y="{_HEIGHT + 14}">{_moment(first_ms)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{_moment(last_ms)}</text></svg>'
        f"<figcaption>Each bar has the reports of {each}; a red mark is where cases would have opened."
        "</figcaption></figure>"
    )


def _bar(left: float, step: float, share: float, said: str) -> str:
    height = share * (_HEIGHT - 30)
    return (
        f'<rect x="{left:.1f}" y="{_HEIGHT - height:.1f}" width="{max(step - 1, 0.5):.1f}" '
        f'height="{height:.1f}"><title>{said}</title></rect>'
    )


def _mark(middle: float, said: str) -> str:
    return f'<circle class="case" cx="{middle:.1f}" cy="12" r="5"><title>{said}</title></circle>'


def _moment(time_ms: int) -> str:
    return minute(rfc3339(time_ms))


def _table(found: list[OpenedEpisode], reports: OwnReports) -> Iterator[str]:
    if not found:
        return
    yield '<h2>What, when and why</h2><div class="wide"><table><tr>'
    yield "".join(f"<th>{name}" for name in COLUMNS)
    for episode in found:
        yield "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells(episode, reports))
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
