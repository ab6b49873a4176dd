"""A port of an adapter that another program uses ends it with one message that names the setting."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from streams.commands.explained_errors import EXIT_WRONG_INPUT, explain
from streams.desk.adapters.coop.callbacks import serve_callbacks
from streams.desk.adapters.coop.settings import CoopSettings
from streams.desk.adapters.metrics import AdapterMetrics, serve_metrics
from streams.running.operations.address_refused import AddressRefused


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program uses."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refusal(serving) -> AddressRefused:
    async def serve():
        async with serving:
            pass

    with pytest.raises(AddressRefused) as caught:
        asyncio.run(serve())
    return caught.value


@pytest.mark.parametrize(
    ("field", "serving"),
    [
        ("metrics_port", lambda own: serve_metrics(own, AdapterMetrics(["escalations"]), None)),
        ("callback_port", lambda own: serve_callbacks(own, (), None)),
    ],
)
def test_a_taken_port_of_an_adapter_is_named(taken, capsys, field, serving):
    own = CoopSettings(name="coop", **{field: taken})
    name = f"TOCSIN_COOP_{field.upper()}"
    error = refusal(serving(own))
    assert explain(error) == EXIT_WRONG_INPUT
    assert capsys.readouterr().err == (
        f"Error: {name.removesuffix('PORT')}HOST=127.0.0.1 {name}={taken}: cannot listen on this address "
        "(Address already in use). Another program uses the port: choose another one, or 0 for a free port, "
        "which is logged.\n"
    )
