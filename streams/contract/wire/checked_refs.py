"""Whether the refs of an event name nobody: one check for every form."""

from streams.contract.wire.personal_data import names_a_person
from streams.contract.wire.refs import is_ref
from streams.contract.wire.rejection import not_valid
from streams.contract.wire.valid_values import ValidValues


def check_ref(path: str, ref: str | None, valid: ValidValues, *, counter: bool) -> None:
    """Raise Rejected unless the ref at `path` is null or names nobody; `counter`: it may be a counter."""
    if ref is None:
        return
    if names_a_person(ref, counter=counter):
        raise not_valid("pii_detected", path, valid)
    if not is_ref(ref):
        raise not_valid("invalid_value", path, valid)
