"""Loads the rules: reads the registry's files, checks them against each other and computes their versions."""

from pathlib import Path

from streams.registry.calendars import build_calendars
from streams.registry.categories import CategoriesFile, build_categories
from streams.registry.jurisdictions import build_authorities, build_jurisdictions
from streams.registry.lawbook import read_lawbook
from streams.registry.obligations import build_obligations
from streams.registry.platform import build_platform
from streams.registry.policies import build_ask, build_policies
from streams.registry.reading.document import content_hash, read_document
from streams.registry.reading.text_path import TextPath
from streams.registry.reporters import build_reporters
from streams.registry.rule_of_law_index import build_index
from streams.registry.rules import Rules
from streams.registry.scoring import build_scoring
from streams.registry.shapes.law import CalendarsFile, LocationHintsFile, PlatformFile, TriggersFile
from streams.registry.shapes.reporters import ReportersFile
from streams.registry.shapes.rule_of_law import RuleOfLawFile
from streams.registry.shapes.rules import PoliciesFile, ScoringFile, SourcesFile
from streams.registry.signing.signatures import holding, lapsed, read_signatures, row_hash
from streams.registry.sources import build_sources
from streams.registry.triggers import build_location_hints, build_targets, build_triggers

SHIPPED = Path(__file__).parent
SHIPPED_LAW = SHIPPED / "law"


def signatures_folder(platform: Path | None, law: Path | None) -> Path | None:
    """Give the folder in which a platform keeps its signatures; None if it has no files of its own.

    It is the folder of its law, or else that of its platform file.
    """
    if law is not None:
        return law
    return None if platform is None else platform.parent


def load_rules(
    folder: TextPath | None = None,
    policies: Path | None = None,
    platform: Path | None = None,
    law: Path | None = None,
    scoring: Path | None = None,
    categories: Path | None = None,
    sources: Path | None = None,
) -> Rules:
    """Load law, scoring and policies.

    `folder` holds categories.yaml, scoring.yaml, reporters.yaml, sources.yaml, policies.yaml and the folder
    `law` (default: those shipped with Tocsin). Each of the other arguments replaces one of them; `platform`
    replaces platform.yaml of the law folder. Signatures are read from `signatures_folder`. Raises
    RegistryError, which names file, line and field, if anything is invalid.
    """
    folder = SHIPPED if folder is None else folder
    signatures_file = read_signatures(signatures_folder(platform, law) or folder / "law")
    law_folder: TextPath = folder / "law" if law is None else law
    categories_document = read_document(folder / "categories.yaml" if categories is None else categories)
    categories_file = categories_document.parse(CategoriesFile)
    known = build_categories(categories_document, categories_file)
    book = read_lawbook(law_folder, known)
    triggers_document = read_document(law_folder / "triggers.yaml")
    hints_document = read_document(law_folder / "location_hints.yaml")
    calendars_document = read_document(law_folder / "calendars.yaml")
    platform_document = read_document(law_folder / "platform.yaml" if platform is None else platform)
    scoring_document = read_document(folder / "scoring.yaml" if scoring is None else scoring)
    # A copy of the folder that is older than reporters.yaml has none; the built-in one applies.
    own_reporters = (folder / "reporters.yaml").exists()
    reporters_document = read_document((folder if own_reporters else SHIPPED) / "reporters.yaml")
    sources_document = read_document(folder / "sources.yaml" if sources is None else sources)
    policies_document = read_document(folder / "policies.yaml" if policies is None else policies)

    # A copy of the folder that is older than the index has none; its tiers apply all the same.
    index_path = law_folder / "rule_of_law.yaml"
    index_document = read_document(index_path) if index_path.exists() else None

    triggers_file = triggers_document.parse(TriggersFile)
    hints_file = hints_document.parse(LocationHintsFile)
    calendars_file = calendars_document.parse(CalendarsFile)
    platform_file = platform_document.parse(PlatformFile)
    scoring_file = scoring_document.parse(ScoringFile)
    reporters_file = reporters_document.parse(ReportersFile)
    sources_file = sources_document.parse(SourcesFile)
    policies_file = policies_document.parse(PoliciesFile, known)
    index_file = None if index_document is None else index_document.parse(RuleOfLawFile)

    calendars = build_calendars(calendars_document, calendars_file)
    authorities = build_authorities(book)
    jurisdictions = build_jurisdictions(book, authorities)
    facts = build_platform(platform_document, platform_file, jurisdictions, authorities)
    index = None
    if index_document is not None and index_file is not None:
        index = build_index(index_document, index_file, jurisdictions)
    hashes = {row.id: row_hash(row) for _, file in book for row in file.obligations}
    obligations, watched = build_obligations(
        book, jurisdictions, authorities, calendars, facts, known, hashes, holding(signatures_file, hashes)
    )
    return Rules(
        policies=build_policies(policies_document, policies_file),
        categories=known,
        scoring=build_scoring(scoring_document, scoring_file),
        reporters=build_reporters(reporters_document, reporters_file),
        jurisdictions=jurisdictions,
        authorities=authorities,
        location_hints=build_location_hints(hints_document, hints_file, jurisdictions),
        obligations=obligations,
        triggers=build_triggers(triggers_document, triggers_file),
        targets=build_targets(triggers_document, triggers_file, obligations),
        calendars=calendars,
        platform=facts,
        sources=build_sources(sources_document, sources_file),
        index=index,
        watched=watched,
        lapsed_signatures=lapsed(signatures_file, hashes),
        integrity="shadow" if policies_file.integrity is None else policies_file.integrity.mode,
        ask=build_ask(policies_document, policies_file),
        sample_share=0.0 if policies_file.sample is None else policies_file.sample.share,
        severity_points=0 if policies_file.priority is None else policies_file.priority.severity,
        policy_version=content_hash([policies_file]),
        registry_version=content_hash(
            [
                *book.files.values(),
                book.territories,
                triggers_file,
                hints_file,
                calendars_file,
                platform_file,
                categories_file,
                scoring_file,
                *([reporters_file] if own_reporters else []),
                sources_file,
                *([] if index_file is None else [index_file]),
                *([] if signatures_file is None else [signatures_file]),
            ]
        ),
    )
