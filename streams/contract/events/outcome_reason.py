"""Why a desk decided as it did: the reason codes of outcomes, a closed list.

Reasons of upheld outcomes are the keywords of the EU's transparency database, which a statement of reasons
needs. The other two lists are Tocsin's own: no statement is owed for content that stays.
"""

from typing import Literal, get_args

# Commission Implementing Regulation (EU) 2024/2835, Annex I, part 2: each is the keyword KEYWORD_<REASON>
# there, in lower case, in the order of the table. `other` is what none of them covers.
ViolationReason = Literal[
    "animal_harm",
    "unlawful_sale_animals",
    "hidden_advertisement",
    "insufficient_information_on_traders",
    "misleading_info_goods_services",
    "misleading_info_consumer_rights",
    "noncompliance_pricing",
    "cyber_bullying_intimidation",
    "cyber_harassment",
    "cyber_incitement",
    "cyber_stalking",
    "non_consensual_image_sharing",
    "non_consensual_material_deepfake",
    "bullying_against_girls",
    "cyber_harassment_against_women",
    "cyber_stalking_against_women",
    "female_gendered_disinformation",
    "incitement_against_women",
    "non_consensual_image_sharing_against_women",
    "non_consensual_material_deepfake_against_women",
    "biometric_data_breach",
    "data_falsification",
    "missing_processing_ground",
    "right_to_be_forgotten",
    "defamation",
    "discrimination",
    "hate_speech",
    "copyright_infringement",
    "design_infringement",
    "geographic_indications_infringement",
    "patent_infringement",
    "trade_secret_infringement",
    "trademark_infringement",
    "misinformation_disinformation",
    "violation_eu_law",
    "violation_national_law",
    "age_specific_restrictions_minors",
    "child_sexual_abuse_material",
    "child_sexual_abuse_material_deepfake",
    "grooming_sexual_enticement_minors",
    "unsafe_challenges",
    "illegal_organizations",
    "risk_environmental_damage",
    "risk_public_health",
    "terrorist_content",
    "impersonation_account_hijacking",
    "inauthentic_accounts",
    "inauthentic_listings",
    "inauthentic_user_reviews",
    "phishing",
    "pyramid_schemes",
    "content_promoting_eating_disorders",
    "self_mutilation",
    "suicide",
    "prohibited_products",
    "unsafe_products",
    "coordinated_harm",
    "incitement_violence_hatred",
    "human_exploitation",
    "human_trafficking",
    "trafficking_women_girls",
    "adult_sexual_material",
    "age_specific_restrictions",
    "geographical_requirements",
    "goods_services_not_permitted",
    "language_requirements",
    "nudity",
    "other",
]

# lawful_context: news, art, satire, education, counter-speech. not_substantiated: a notice without what DSA
# art. 16(2) asks for. not_found: gone before the review, so the outcome does not say whether the report was
# right.
DismissalReason = Literal[
    "not_a_violation", "lawful_context", "not_substantiated", "outside_scope", "not_found"
]

# evidently_unfounded: evident to a layperson, without any substantive analysis (DSA recital 63). fabricated:
# the notice or its evidence is false. repeated: decided before, sent again with nothing new.
UnfoundedReason = Literal["evidently_unfounded", "fabricated", "repeated"]

OutcomeReason = Literal[ViolationReason, DismissalReason, UnfoundedReason]

VIOLATION_REASONS: tuple[ViolationReason, ...] = get_args(ViolationReason)
DISMISSAL_REASONS: tuple[DismissalReason, ...] = get_args(DismissalReason)
UNFOUNDED_REASONS: tuple[UnfoundedReason, ...] = get_args(UnfoundedReason)
