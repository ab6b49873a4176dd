"""Which notice a category may call for, and as what."""

from typing import Literal, get_args

DossierForm = Literal["cybertipline", "dsa_art18"]
DOSSIER_FORMS: tuple[DossierForm, ...] = get_args(DossierForm)

PRESERVATION_DUTY = "US.2258A.h"
"""The duty of the registry that says how long a provider keeps what it reported to the CyberTipline."""

ART18_DUTY = "EU.dsa.art18-1"
"""The duty of the registry with the categories in which a threat to life or safety may be suspected."""
