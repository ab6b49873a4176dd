"""Which notice a category may call for, and as what."""

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from streams.events.report import Category

DossierForm = Literal["cybertipline", "dsa_art18"]
DOSSIER_FORMS: tuple[DossierForm, ...] = get_args(DossierForm)

PRESERVATION_DUTY = "US.2258A.h"
"""The duty of the registry that says how long a provider keeps what it reported to the CyberTipline."""

ART18_DUTY = "EU.dsa.art18-1"
"""The duty of the registry with the categories in which a threat to life or safety may be suspected."""


class Incident(msgspec.Struct, frozen=True):
    """An incident type of the CyberTipline, in the words of its API, with the report annotations that fit.

    `condition` is what a person must establish first; None if the category alone suffices.
    """

    incident_type: str
    annotations: tuple[str, ...] = ()
    condition: str | None = None


_MINOR = "only if the victim is or seems to be a minor; reports do not say"

# 18 U.S.C. 2258A(a)(2)(A) names the offences; the API documentation of the CyberTipline the eight types. The other types
# (molestation, sex tourism, misleading names, obscene material sent to a child) need facts that no report has.
INCIDENTS: Mapping[Category, Incident] = {
    "csam": Incident("Child Pornography (possession, manufacture, and distribution)"),
    "csam_synthetic": Incident("Child Pornography (possession, manufacture, and distribution)"),
    "grooming": Incident("Online Enticement of Children for Sexual Acts"),
    "sextortion": Incident("Online Enticement of Children for Sexual Acts", ("sextortion",), _MINOR),
    "trafficking": Incident("Child Sex Trafficking", (), _MINOR),
}
