"""Part 8: automated means and their accuracy (Regulation (EU) 2022/2065, art. 15(1)(b), (c), (e))."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from streams.statutory.fill import Cell, FilledRow
from streams.statutory.parts import parts
from streams.statutory.sums import PeriodSums
from streams.statutory.template import VALUE, Row

_CONTEXT: Final = "Contextual Information"
_BY_PEOPLE: Final = "People decide on every notice"
_MEASURED: Final = (
    "Messages that detectors reported, against what reviewers decided about them; only what was reviewed "
    "counts. Nothing is removed automatically"
)


class Accuracy(NamedTuple):
    """Shares from 0 to 1; None where nothing was decided that they could be measured by."""

    accuracy: float | None
    precision: float | None
    recall: float | None


def detector_accuracy(sums: PeriodSums) -> Accuracy:
    """Compare what detectors reported with what was decided.

    Accuracy: decisions that agree with the detectors, among all. Precision: upheld among what they reported.
    Recall: what they reported among all that was upheld.
    """
    right = wrong = missed = rest = 0
    for (decision, _, _, detected), count in sums.decisions.items():
        upheld = decision == "upheld"
        right += count if detected and upheld else 0
        wrong += count if detected and not upheld else 0
        missed += count if upheld and not detected else 0
        rest += count if not upheld and not detected else 0
    if not right + wrong:
        # Without detectors there is nothing to measure.
        return Accuracy(None, None, None)
    return Accuracy(
        (right + rest) / (right + wrong + missed + rest),
        right / (right + wrong),
        right / (right + missed) if right + missed else None,
    )


def own_initiative_precision(sums: PeriodSums) -> float | None:
    """Return the share of what was upheld among what detectors alone reported; None without any."""
    upheld = decided = 0
    for (decision, noticed, _, detected), count in sums.decisions.items():
        if detected and not noticed:
            decided += count
            upheld += count if decision == "upheld" else 0
    return upheld / decided if decided else None


def fill_automated_means(sums: PeriodSums) -> Iterator[FilledRow]:
    """Fill in that no notice is processed by machines alone, and how accurate detectors are."""
    accuracy = detector_accuracy(sums)
    for row in parts()[7].rows:
        value, context = _value(sums, accuracy, row)
        yield FilledRow(row, {} if value is None else {VALUE: value, _CONTEXT: context})


def _value(sums: PeriodSums, accuracy: Accuracy, row: Row) -> tuple[Cell, str]:
    indicator, scope = row.label.strip(), row.scope.strip()
    if indicator.startswith("Number of notices solely") and scope.startswith("NAM"):
        return 0, _BY_PEOPLE
    if indicator.startswith("Accuracy of"):
        which = indicator.rpartition(" ")[2].lower()
        if scope == "Total number":
            return getattr(accuracy, which), _MEASURED
        if scope == "Own-initiative" and which == "precision":
            return own_initiative_precision(sums), _MEASURED
    return None, ""
