"""A set of rules as one record: the payload of `tocsin.rule-set.v1`."""

from typing import Annotated

import msgspec

from streams.contract.events.report import Pseudonym

RULE_SET_TYPE = "tocsin.rule-set.v1"

FORMAT = 1
"""Of a set of rules. A worker that does not know the format of a set uses none of it."""

# The shipped law has 60 files; every state of the world has one at most.
MOST_FILES = 500

RuleSetId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
"""SHA-256 (hex) of the record's value. Nobody can write another set under the same id."""


class RuleFile(msgspec.Struct, frozen=True, gc=False):
    """A file of rules: its path in a folder of rules, such as `law/DE.yaml`, and its text."""

    name: Annotated[str, msgspec.Meta(pattern=r"^(law/)?[A-Za-z_]{1,64}\.yaml$(?!\n)")]
    text: str


class RuleSet(msgspec.Struct, frozen=True, gc=False):
    """All rules of a deployment, with who wrote them and why. It never changes: its id is its content.

    `files` are sorted by name and complete: nothing of an installation's own files is added. `parent` is the
    id of the set that these rules are to replace, null for the files of the installation. `format` is 1.
    """

    format: int
    parent: RuleSetId | None
    author: Pseudonym
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    files: Annotated[tuple[RuleFile, ...], msgspec.Meta(min_length=1, max_length=MOST_FILES)]
