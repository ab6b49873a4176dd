"""Categories and reasons in words."""

from typing import Final

# What codes do not say by themselves. Any other one, also a deployment's own, is its code in words.
_TITLES: Final[dict[str, str]] = {
    "csam": "Child abuse material",
    "csam_synthetic": "Synthetic child abuse material",
    "grooming": "Grooming of a child",
    "ncii": "Intimate image",
    "ncii_deepfake": "Intimate deepfake",
    "self_harm": "Self-harm",
    "weapons_drugs": "Weapons and drugs",
    "hate": "Hate speech",
    "civic": "Civic discourse and elections",
    "ip": "Intellectual property",
    "unspecified": "Not specified",
}


def category_title(category: str) -> str:
    """A category as a sentence begins with it, such as `Intimate deepfake`."""
    return _TITLES.get(category) or category.replace("_", " ").capitalize()
