"""Rules from the registry's files: read, checked against each other, and given versions by their content."""

from pathlib import Path

from streams.registry.document import read_document
from streams.registry.hashing import content_hash
from streams.registry.law import build_jurisdictions, build_location_hints, build_obligations, build_triggers
from streams.registry.policies import build_policies
from streams.registry.rules import Rules
from streams.registry.scoring import build_categories, build_scoring
from streams.registry.shapes import (
    CategoriesFile,
    JurisdictionsFile,
    ObligationsFile,
    PoliciesFile,
    ScoringFile,
)

_SHIPPED = Path(__file__).parent


def load_rules(folder: Path | None = None, policies: Path | None = None) -> Rules:
    """Load law, scoring and policies.

    `folder` holds jurisdictions.yaml, obligations.yaml, categories.yaml, scoring.yaml and policies.yaml (default: those
    shipped with Tocsin); `policies` is another file to take the policies from. Raises RegistryError, which names
    file, line and field, if anything in them cannot be used.
    """
    folder = _SHIPPED if folder is None else folder
    jurisdictions_document = read_document(folder / "jurisdictions.yaml")
    obligations_document = read_document(folder / "obligations.yaml")
    categories_document = read_document(folder / "categories.yaml")
    scoring_document = read_document(folder / "scoring.yaml")
    policies_document = read_document(folder / "policies.yaml" if policies is None else policies)

    jurisdictions_file = jurisdictions_document.parse(JurisdictionsFile)
    obligations_file = obligations_document.parse(ObligationsFile)
    categories_file = categories_document.parse(CategoriesFile)
    scoring_file = scoring_document.parse(ScoringFile)
    policies_file = policies_document.parse(PoliciesFile)

    jurisdictions = build_jurisdictions(jurisdictions_document, jurisdictions_file)
    return Rules(
        policies=build_policies(policies_document, policies_file),
        categories=build_categories(categories_document, categories_file),
        scoring=build_scoring(scoring_document, scoring_file),
        jurisdictions=jurisdictions,
        location_hints=build_location_hints(jurisdictions_document, jurisdictions_file, jurisdictions),
        obligations=build_obligations(
            obligations_document, obligations_file, jurisdictions_file, jurisdictions
        ),
        triggers=build_triggers(obligations_document, obligations_file),
        policy_version=content_hash([policies_file]),
        registry_version=content_hash([jurisdictions_file, obligations_file, categories_file, scoring_file]),
    )
