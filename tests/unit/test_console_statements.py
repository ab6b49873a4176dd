"""The statements of the read model fit its tables, and each is used."""

import re
from pathlib import Path

import pytest

import streams.desk.console
from streams.desk.console.read_model.database import Database
from streams.desk.console.read_model.statements import SQL, sql_if
from streams.registry.categories import built_in_categories
from tests.unit.console_pages import opened

CONSOLE = Path(streams.desk.console.__file__).parent


class Nulls(dict):
    """Any parameter, as null."""

    def __missing__(self, _):
        return None


def parameters(statement):
    return Nulls() if ":" in statement else (None,) * statement.count("?")


def words(name):
    return {word for found in re.findall(r"-- if (.+)", SQL[name]) for word in found.split()}


def views(name):
    """Each condition alone, with what the statement needs to be one."""
    orders = {"by=clock", "by=channel", "by=category"} & words(name)
    heads = {"limit", "ids", "counts", "total", "opened"} & words(name)
    if "ids" in heads:
        # What else it says begins with one of these.
        for head in heads:
            for by in orders or {""}:
                for word in words(name) - orders - heads:
                    # Alone, and beside what the usual view asks for.
                    yield from ({head, by, word}, {head, by, word, "listed=waiting"})
    else:
        yield from ({word} for word in {"", *words(name)})


@pytest.fixture
def reader(tmp_path):
    database = Database(tmp_path / "model.sqlite")
    opened(database, built_in_categories()).close()
    return database.reader()


@pytest.mark.parametrize("name", sorted(SQL))
def test_a_statement_fits_the_tables_with_any_of_its_conditions(name, reader):
    for given in views(name):
        for statement in filter(str.strip, sql_if(name, given).split(";\n")):
            assert reader.execute(f"EXPLAIN {statement}", parameters(statement)).fetchall()


def test_each_statement_is_used_and_each_that_is_used_exists():
    code = "\n".join(path.read_text() for path in CONSOLE.rglob("*.py"))
    lists = re.findall(r'(?:page_of\(\s*reader,|sql_if\()\s*"(\w+)"', code)
    named = re.findall(r'SQL\[\s*"(\w+)"', code) + re.findall(r'"(was_\w+_written)"', code)
    assert {*lists, *named} == set(SQL)


def test_nobody_writes_sql_elsewhere():
    verbs = re.compile(r'"\s*(SELECT|INSERT|UPDATE|DELETE)\s')
    assert [path for path in CONSOLE.rglob("*.py") if verbs.search(path.read_text())] == []


def test_each_index_is_used(reader):
    plans = [
        row[3]
        for name in SQL
        for given in views(name)
        for statement in filter(str.strip, sql_if(name, given).split(";\n"))
        for row in reader.execute(f"EXPLAIN QUERY PLAN {statement}", parameters(statement))
    ]
    made = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    indexes = {name for (name,) in reader.execute(made)}
    assert indexes == {word for plan in plans for word in plan.split() if word in indexes}
