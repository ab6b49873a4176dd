"""Writes and reads views of the desk: records of `desk-views`."""

import msgspec

from streams.contract.events.desk_view import DESK_VIEW_TYPE, DeskView, ViewKind
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.ids import stable_id
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.refs import is_ref
from streams.contract.wire.times import epoch_ms
from streams.contract.wire.topics import DESK_VIEWS
from streams.contract.wire.view_names import BadName, same_name, view_name

_VIEW = msgspec.json.Decoder(DeskView)


def view_key(kind: ViewKind, ref: str, name: str) -> str:
    """The key of a view: a queue has one for all people, one's own view one for each person `ref`.

    A ref has no slash.
    """
    return f"queue/{same_name(name)}" if kind == "queue" else f"own/{ref}/{same_name(name)}"


def key_of(view: DeskView) -> str:
    """The key of a view."""
    return view_key(view.kind, view.saved_by.ref, view.name)


def encode_desk_view(view: DeskView) -> OutputRecord:
    """The record of a view."""
    key, time_ms = key_of(view), epoch_ms(view.saved_at)
    headers = event_headers(DESK_VIEW_TYPE, stable_id("desk-view", key, str(time_ms)), time_ms)
    return OutputRecord(DESK_VIEWS, None, key.encode(), encode(view), headers)


def encode_view_deletion(key: str) -> OutputRecord:
    """The record that deletes the view with this key."""
    return OutputRecord(DESK_VIEWS, None, key.encode(), None, [])


def decode_desk_view(key: bytes | None, value: bytes) -> DeskView:
    """The view that a record holds.

    Raises msgspec.DecodeError or BadName if it holds something else, or a view that another key would have.
    """
    view = _VIEW.decode(value)
    if view_name(view.name) != view.name or not is_ref(view.saved_by.ref) or key != key_of(view).encode():
        raise BadName("The name is not as names are written, the ref is none, or the key is of another view.")
    return view
