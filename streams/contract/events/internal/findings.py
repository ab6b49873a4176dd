"""What found something: a detector or a list, and the narrower sources in it whose findings are judged apart.

A report of a machine names its source from broad to narrow: a list, its entry (`signal`) and their version;
or a detector, its classifier and that one's version. The broad one is the `root`: it is counted as the
reporter, and all that is known of its parts is kept at its home. Each finding is credited to its narrowest
part, and so to all above.
"""

from typing import Final, Literal, NamedTuple

import msgspec
from xxhash import xxh3_64_intdigest

from streams.contract.events.report import Category, ListMatch, MessageReport

# No ref has NUL, so what begins with it is the name of no reporter.
_LIST: Final = "\0list\0"
_CLASSIFIER: Final = "\0classifier\0"


SourceKind = Literal["list", "classifier", "reporter"]
"""By what a source is known: the name of a list or of a classifier, or its reporter's ref alone."""


class Source(NamedTuple):
    """`root` is the text that is hashed with the key of reporters: a ref, or a list's or classifier's name.

    `parts` are hashes of the narrower sources, from broad to narrow. They are without a key, as they name no
    person, and so stay the same when the key changes.
    """

    root: str
    parts: tuple[int, ...] = ()


def kind_of(match: object | None, classifier: object | None) -> SourceKind:
    """Return by what the source of a report with these fields is known."""
    if match is not None:
        return "list"
    return "reporter" if classifier is None else "classifier"


class Finding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of the report of a detector, to say later what became of it.

    `root` is the keyed hash of its source, `category` the one reported; `classifier` has name and version.
    """

    root: int
    parts: tuple[int, ...]
    category: Category
    match: ListMatch | None
    classifier: tuple[str, str] | None


def source_of(report: MessageReport) -> Source | None:
    """Return the source that a report of an automated reporter names; None if it names none."""
    match, classifier = report.match, report.classifier
    ref = None if report.reporter is None else report.reporter.ref
    if match is not None:
        found = Source(_LIST + match.list)
        if match.signal is not None:
            found = _with_part(found, "signal", match.signal)
        return found if match.version is None else _with_part(found, "version", match.version)
    if classifier is None:
        return None if ref is None else Source(ref)
    if ref is None:
        return _with_part(Source(_CLASSIFIER + classifier.name), "version", classifier.version)
    found = _with_part(Source(ref), "classifier", classifier.name)
    return _with_part(found, "version", classifier.version)


def finding_of(report: MessageReport, root: int, parts: tuple[int, ...]) -> Finding:
    """Return what is to be kept of a report whose source has these hashes."""
    classifier = report.classifier
    named = None if classifier is None else (classifier.name, classifier.version)
    return Finding(root, parts, report.category, report.match, named)


def narrowest(root: int, parts: tuple[int, ...]) -> int:
    """Return the hash of the narrowest source, to which a finding is attributed."""
    return root ^ parts[-1] if parts else root


def _with_part(source: Source, kind: str, name: str) -> Source:
    above = source.parts[-1] if source.parts else 0
    return Source(source.root, (*source.parts, xxh3_64_intdigest(f"{above:x}\0{kind}\0{name}".encode())))
