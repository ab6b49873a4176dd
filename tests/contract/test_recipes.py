"""A newcomer who follows a recipe of docs/recipes.md word by word gets what it promises.

A recipe is a section `## Add a ...`. It says `It changes N files`, and each of its steps is a paragraph that
ends with one of the sentences below, then a block in a fence:

- "After `a line` in `path`:" and "Replace `a line` in `path` with:"; the line stands once in that file
- "At the end of `path`:" and "In a new file `path`:"
- "Then run:", and the commands succeed; `.venv/bin` comes first on the path

A line with a backtick in it is quoted in two. The fence of part of a statement is `text`, because `make
format` formats `python`. Recipes without steps are prose, and are not tested.
"""

import shutil

import pytest

from tests.contract.recipes import ROOT, WrongRecipe, copy_repository, recipes

RECIPES = recipes((ROOT / "docs/recipes.md").read_text(encoding="utf-8"))
# Without any, nothing below would run.
assert len(RECIPES) >= 4

PAGE = """
# Recipes

## Add a word

It changes 2 files.

After `first` in `one.txt`:

```text
second
```

In a new file `more/two.txt`:

```text
third
```

Then run:

```bash
test "$(cat one.txt more/two.txt)" = "$(printf 'first\\nsecond\\nlast\\nthird')"
```

## Add a thought

Prose.

## Another section

After `this` in `nothing`:
"""


# Each takes a quarter of a minute of a processor and more: it runs the tests of what it adds.
AT_NIGHT = ("Add a policy condition", "Add a measure", "Add a category", "Add a setting")


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(recipe, id=recipe.name, marks=[pytest.mark.nightly] * (recipe.name in AT_NIGHT))
        for recipe in RECIPES
    ],
)
def test_each_recipe_works_word_by_word(recipe, tmp_path_factory):
    # Not kept like other temporary folders: it is a whole copy.
    folder = tmp_path_factory.mktemp("copy")
    try:
        copy_repository(folder)
        recipe.follow(folder)
    finally:
        shutil.rmtree(folder)


def test_there_are_recipes_with_steps():
    assert {"Add a setting", "Add a command"} <= {recipe.name for recipe in RECIPES}


@pytest.fixture
def folder(tmp_path):
    """A repository that the page's recipe fits."""
    (tmp_path / "one.txt").write_text("first\nlast\n", encoding="utf-8")
    return tmp_path


def test_a_recipe_is_followed(folder):
    (recipe,) = recipes(PAGE)
    recipe.follow(folder)
    assert (folder / "more/two.txt").read_text() == "third\n"


def test_a_line_is_replaced_and_text_comes_last(folder):
    page = PAGE.replace("After `first` in `one.txt`:", "Replace `` last `` in `one.txt` with:")
    page = page.replace("In a new file `more/two.txt`:", "At the end of `one.txt`:")
    (recipe,) = recipes(page.replace("2 files", "1 file").partition("Then run:")[0])
    recipe.follow(folder)
    assert (folder / "one.txt").read_text() == "first\nsecond\nthird\n"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("`first`", "`fist`", "Add a word: 0 lines of one.txt are 'fist'"),
        ("2 files", "3 files", r"Add a word: it says 3 files, and changes \['more/two.txt', 'one.txt'\]"),
        ("It changes 2 files.", "", "Add a word: it says 0 files"),
        ("a new file `more/two.txt`", "a new file `one.txt`", "it says 2 files"),
        ("After `first` in `one.txt`", "After `first` in `two.txt`", "Add a word: two.txt does not exist"),
        ("test ", "! test ", "Add a word: its commands failed"),
        ("In a new file `more/two.txt`:", "In `more/two.txt`:", "Add a word: what is to be done"),
    ],
)
def test_a_recipe_that_cannot_be_followed_fails_and_says_where(folder, right, wrong, message):
    with pytest.raises(WrongRecipe, match=message):
        for recipe in recipes(PAGE.replace(right, wrong, 1)):
            recipe.follow(folder)


def test_a_new_file_is_new(folder):
    (folder / "more").mkdir()
    (folder / "more/two.txt").write_text("", encoding="utf-8")
    (recipe,) = recipes(PAGE)
    with pytest.raises(WrongRecipe, match=r"Add a word: more/two\.txt exists"):
        recipe.follow(folder)


def test_a_line_that_stands_twice_is_none(folder):
    (folder / "one.txt").write_text("first\nfirst\n", encoding="utf-8")
    (recipe,) = recipes(PAGE)
    with pytest.raises(WrongRecipe, match=r"Add a word: 2 lines of one\.txt"):
        recipe.follow(folder)
