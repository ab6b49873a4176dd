"""Rows of the desk as sentences."""

from sqlite3 import Row

import msgspec

from streams.desk.console.web.words import in_words
from streams.desk.text.case_facts import CaseFacts
from streams.desk.text.case_sentence import Sentence, case_sentence
from streams.desk.text.request_sentence import RequestFacts, request_sentence

_CASE = msgspec.json.Decoder(CaseFacts)
_REQUEST = msgspec.json.Decoder(RequestFacts)


def row_sentence(row: Row) -> Sentence:
    """The row of a case or of a request as a sentence.

    What somebody proposes, or has decided, stands before what else is known.
    """
    if row["subject"] == "request":
        return said_of_request(row)
    sentence = case_sentence(_CASE.decode(row["facts"]))
    if row["state"] == "decided":
        done = f"{in_words(row['decision'])} by {row['decided_by']}: {in_words(row['decision_reason'])}"
        return sentence._replace(evidence=(done,))
    return _with_proposal(sentence, row)


def said_of_request(row: Row) -> Sentence:
    """The row of a request, of the desk or of its own list, as a sentence."""
    return _with_proposal(request_sentence(_REQUEST.decode(row["facts"])), row)


def _with_proposal(sentence: Sentence, row: Row) -> Sentence:
    if row["proposer"] is None:
        return sentence
    return sentence._replace(evidence=(f"{row['proposer']} proposes: {row['proposed']}",))
