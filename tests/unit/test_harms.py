"""The vocabularies of harms: complete, the same in both ways, and with every loss said."""

import re

import pytest
from lexrpc.base import Base

from generators.__main__ import main
from streams.desk.adapters.ozone.reporting import REASON_TYPE
from streams.intake.mapping import load_mapping
from streams.registry.categories import built_in_categories
from streams.registry.reading.errors import RegistryError
from streams.registry.harms.vocabularies import SHIPPED, load_vocabularies, vocabularies
from streams.statutory.statements.vocabulary import DATABASE_KEYWORDS

EVERY = [(name, vocabulary) for name, vocabulary in vocabularies().items()]
named = pytest.mark.parametrize(("name", "vocabulary"), EVERY, ids=[name for name, _ in EVERY])


@named
def test_a_term_comes_back_or_its_loss_is_said(name, vocabulary):
    for term, meaning in vocabulary.terms.items():
        again = vocabulary.said[meaning.category].terms
        assert again == (term,) or meaning.loses, term


@named
def test_a_category_comes_back_or_its_loss_is_said(name, vocabulary):
    assert list(vocabulary.said) == list(built_in_categories())
    for category, said in vocabulary.said.items():
        again = {vocabulary.terms[term].category for term in said.terms}
        assert again == {category} or said.loses, category


@named
def test_no_term_is_more_than_it_says(name, vocabulary):
    """Terms that leave the harm open become nothing that law or authorities act on by the category."""
    open_terms = [
        term for term in vocabulary.terms if re.search(r"(?i)other$|^illegal$|^legal$|^violation$", term)
    ]
    for term in open_terms:
        category = built_in_categories()[vocabulary.terms[term].category]
        assert category.child_safety or not (category.floor or category.abuse_prone), term


def test_every_reason_type_of_the_lexicon_has_a_category_and_no_other():
    known = Base().defs["com.atproto.moderation.defs#reasonType"]["knownValues"]
    table = vocabularies()["atproto"].table()
    assert set(known) <= set(table)
    assert set(vocabularies()["atproto"].terms) == {value.partition("#")[2] for value in known}


def test_ozone_is_told_what_the_table_says():
    for category, row in built_in_categories().items():
        told = (REASON_TYPE + row.ozone_reason).partition("#")[2]
        assert vocabularies()["atproto"].said[category].terms == (told,)


def test_every_keyword_of_the_database_has_a_category_and_no_other():
    assert {f"KEYWORD_{term}" for term in vocabularies()["dsa"].terms} == DATABASE_KEYWORDS


def test_terms_are_known_in_all_their_spellings():
    table = vocabularies()["msc4456"].table()
    assert (table["spam.fraud"], table["m.spam.fraud"], table["org.matrix.msc4456.spam.fraud"]) == (
        "fraud",
    ) * 3


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "      spam.fraud: fraud",
            "      spam.fraud: frod",
            "harms.yaml:23: vocabularies.msc4456.terms.spam.fraud",
        ),
        (
            "      spam.fraud: fraud",
            "      spam.fraud: spam",
            "vocabularies.msc4456.loses.fraud: is missing: must say what is lost",
        ),
        (
            'violence.graphic: {category: unspecified, loses: "that it is graphic"}',
            "violence.graphic: unspecified",
            "vocabularies.msc4456.terms.violence.graphic: must say what it loses",
        ),
        ("fraud: spam.fraud", "fraud: spam.frod", "vocabularies.msc4456.says.fraud: spam.frod is no term"),
        ('ip: "whose right it is about"', "", "vocabularies.msc4456.loses.ip: is missing"),
    ],
)
def test_a_loss_that_is_not_said_is_refused(tmp_path, before, after, said):
    text = SHIPPED.read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "harms.yaml").write_text(text.replace(before, after, 1))
    with pytest.raises(RegistryError) as refused:
        load_vocabularies(tmp_path / "harms.yaml")
    assert said in str(refused.value)


def test_a_mapping_uses_a_vocabulary_and_has_unspecified_for_the_rest(tmp_path):
    fields = "  {}: {{constant: x}}\n"
    needed = "".join(
        fields.format(name)
        for name in ("report_id", "kind", "occurred_at", "channel.ref", "channel.visibility")
    )
    path = tmp_path / "mapping.yaml"
    path.write_text(f"fields:\n{needed}  category: {{from: harm, vocabulary: msc4456}}\n")
    made = load_mapping(path)
    said = [made.report({"harm": harm})["category"] for harm in ("m.spam.fraud", "m.new", None)]
    assert said == ["fraud", "unspecified", "unspecified"]
    for wrong, why in (
        ("category: {from: harm, vocabulary: msc}", "must be one of msc4456, atproto"),
        ("category: {from: harm, vocabulary: dsa, otherwise: spam}", "a vocabulary is a table"),
    ):
        path.write_text(f"fields:\n{needed}  {wrong}\n")
        with pytest.raises(RegistryError, match=why):
            load_mapping(path)


def test_the_page_is_up_to_date():
    assert main(["--check", "harms_page"]) == 0
