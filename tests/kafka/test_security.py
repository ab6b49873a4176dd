"""TLS and SASL on a real broker: every client of a worker logs in, and a wrong password ends the worker."""

import socket

import pytest
import trustme
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from streams.commands.doctor import addresses, asking
from streams.commands.main import commands
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate
from tocsin_demo.local_kafka import properties

USER, PASSWORD = "tocsin", "not-a-secret-of-anybody"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pkcs8(key_pem: bytes) -> bytes:
    """Convert a key to PKCS 8, the only form that Java reads."""
    key = serialization.load_pem_private_key(key_pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A broker with a second listener that requires TLS and a password.

    Gives its plain address, and TOCSIN_ settings for the second listener.
    """
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(authority_file)
    port = free_port()
    render = properties.render

    def with_second_listener(**options):
        lines = dict(line.split("=", 1) for line in render(**options).splitlines())
        address = f",SECURED://127.0.0.1:{port}"
        pem = {
            "keystore.key": pkcs8(certificate.private_key_pem.bytes()),
            "keystore.certificate.chain": b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
        }
        lines |= {
            "listeners": lines["listeners"] + address,
            "advertised.listeners": lines["advertised.listeners"] + address,
            "listener.security.protocol.map": lines["listener.security.protocol.map"] + ",SECURED:SASL_SSL",
            "listener.name.secured.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.secured.plain.sasl.jaas.config": (
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
            "listener.name.secured.ssl.keystore.type": "PEM",
            **{
                f"listener.name.secured.ssl.{name}": text.decode().replace("\n", "\\n")
                for name, text in pem.items()
            },
        }
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(properties, "render", with_second_listener)
        with throwaway_broker(folder / "kafka") as broker:
            yield (
                broker.bootstrap,
                {
                    "TOCSIN_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}",
                    "TOCSIN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                    "TOCSIN_KAFKA_SSL_CA_FILE": str(authority_file),
                    "TOCSIN_KAFKA_SASL_MECHANISM": "PLAIN",
                    "TOCSIN_KAFKA_SASL_USERNAME": USER,
                    "TOCSIN_KAFKA_SASL_PASSWORD": PASSWORD,
                },
            )


def test_every_client_of_a_worker_logs_in(deploy, secured):
    bootstrap, settings = secured
    deployment = deploy(bootstrap=bootstrap, settings=settings)
    deployment.publish(generate(91, 2_000))
    worker = deployment.fleet.start()
    deployment.wait_until_applied()
    check_outputs(deployment, deployment.outputs())
    assert worker.exit_code is None
    assert PASSWORD not in worker.text


def test_a_wrong_password_ends_the_worker_with_the_reason(deploy, secured):
    bootstrap, settings = secured
    wrong = "wrong-" + PASSWORD
    deployment = deploy(bootstrap=bootstrap, settings=settings | {"TOCSIN_KAFKA_SASL_PASSWORD": wrong})
    worker = deployment.fleet.start()
    assert worker.wait(30) == 1
    assert "Authentication failed" in worker.text
    assert wrong not in worker.text


def test_doctor_names_the_variable_of_a_connection_that_is_refused(secured, monkeypatch):
    # On a busy machine an answer takes as long as it takes.
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 600.0)
    monkeypatch.setattr(asking, "CHECK_SECONDS", 600.0)
    plain, settings = secured
    login = {name: None for name in settings if "SASL" in name}
    no_tls = login | {"TOCSIN_KAFKA_SSL_CA_FILE": None, "TOCSIN_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}
    one_broker = {"TOCSIN_REPLICATION_FACTOR": "1", "TOCSIN_MIN_INSYNC_REPLICAS": "1"}
    for changed, said in (
        ({}, "ok         bootstrap"),
        ({"TOCSIN_KAFKA_SASL_PASSWORD": "wrong-" + PASSWORD}, "Correct TOCSIN_KAFKA_SASL_USERNAME and"),
        ({"TOCSIN_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}, "Set TOCSIN_KAFKA_SASL_MECHANISM to one"),
        ({"TOCSIN_KAFKA_SSL_CA_FILE": None}, "Set TOCSIN_KAFKA_SSL_CA_FILE to the PEM file"),
        (no_tls, "Set TOCSIN_KAFKA_SECURITY_PROTOCOL=SSL, or SASL_SSL"),
        (
            login | {"TOCSIN_KAFKA_SECURITY_PROTOCOL": "SSL"},
            "Set TOCSIN_KAFKA_SECURITY_PROTOCOL=SASL_SSL",
        ),
        (
            {"TOCSIN_KAFKA_BOOTSTRAP": plain},
            "Set TOCSIN_KAFKA_SECURITY_PROTOCOL=PLAINTEXT, or SASL_PLAINTEXT",
        ),
    ):
        done = CliRunner().invoke(commands, ["doctor"], env=settings | one_broker | changed)
        assert said in done.output, done.output
        assert done.exit_code == (1 if changed else 0), done.output
        assert PASSWORD not in done.output
