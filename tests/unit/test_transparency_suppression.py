"""No hidden number can be inferred from a published table, even by a reader who knows the rule."""

from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.desk.text.suppression import LEAST, shown_rows, shown_total


def publish(values):
    """The published view of a table whose possible rows are known. A row with a count of zero is left out."""
    counts = {row: value for row, value in enumerate(values) if value}
    rows = shown_rows(counts)
    return shown_total(sum(values)), None if rows is None else tuple(sorted(rows.items(), key=str))


@pytest.mark.parametrize(("rows", "most"), [(1, 12), (2, 12), (3, 14), (4, 9), (5, 6)])
def test_every_hidden_number_has_several_possible_values(rows, most):
    tables = defaultdict(list)
    for values in product(range(most + 1), repeat=rows):
        tables[publish(values)].append(values)
    for (total, shown), candidates in tables.items():
        # Tables with larger numbers give the same view but were not generated, so the candidates are
        # incomplete.
        if shown is None and total != "<5" and total > most:
            continue
        hidden = range(rows) if shown is None else [row for row, mark in shown if isinstance(mark, str)]
        for row in hidden:
            assert len({values[row] for values in candidates}) > 1, (total, shown, candidates)


@settings(max_examples=300)
@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 30) | st.integers(1, 6)))
def test_shown_numbers_are_true_and_small_numbers_are_hidden(counts):
    rows = shown_rows(counts)
    if rows is None:
        return
    assert rows.keys() == counts.keys()
    for row, mark in rows.items():
        if isinstance(mark, int):
            assert mark == counts[row] >= LEAST
        elif mark == "<5":
            assert counts[row] < LEAST
        else:
            assert mark == "*"
    hidden = [row for row, mark in rows.items() if isinstance(mark, str)]
    assert len(hidden) != 1
    assert not counts or any(isinstance(mark, int) for mark in rows.values())


@settings(max_examples=200)
@given(st.dictionaries(st.integers(0, 5), st.integers(1, 12), min_size=1), st.permutations(range(6)))
def test_suppression_does_not_depend_on_the_names_of_rows(counts, order):
    renamed = {order[row]: count for row, count in counts.items()}
    rows = shown_rows(counts)
    again = shown_rows(renamed)
    assert again == (rows and {order[row]: mark for row, mark in rows.items()})


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([], []),
        ([5, 9], [5, 9]),
        ([3, 2, 9], ["<5", "<5", 9]),
        # One hidden row, or rows all of 1 or all of 4, could be inferred. The smallest of the others is
        # hidden too.
        ([3, 9, 7, 12], ["*", 9, "*", 12]),
        ([1, 1, 9, 7], ["*", "*", 9, "*"]),
        ([4, 4, 9, 7], ["*", "*", 9, "*"]),
        # All rows with an equal count are hidden, because choosing one would reveal something.
        ([3, 7, 7, 9], ["*", "*", "*", 9]),
        ([3, 9], None),
        ([3], None),
        ([2, 3], None),
    ],
)
def test_suppressed_tables(counts, shown):
    rows = shown_rows(dict(enumerate(counts)))
    assert (rows if rows is None else list(rows.values())) == shown


def test_suppressed_totals():
    assert [shown_total(total) for total in (0, 1, 4, 5)] == [0, "<5", "<5", 5]
