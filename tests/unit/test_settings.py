import pytest

from streams.deciding.partition.settings import PartitionSettings
from streams.running.worker.environment import SettingsError
from streams.running.worker.settings import Settings, load_settings


def refused(**variables):
    with pytest.raises(SettingsError) as caught:
        load_settings({f"TOCSIN_{name.upper()}": text for name, text in variables.items()})
    return str(caught.value)


def test_the_defaults_need_no_variable():
    settings = load_settings({"PATH": "/bin"})
    assert settings.kafka_bootstrap == "127.0.0.1:9092"
    assert settings.replication_factor == 3


def test_settings_are_read_from_variables():
    settings = load_settings({"TOCSIN_PARTITIONS": "12", "TOCSIN_DEAD_LETTER_BREAKER": "off"})
    assert (settings.partitions, settings.dead_letter_breaker) == (12, "off")
    assert settings.partition_settings() == PartitionSettings(dead_letter_breaker=False)
    more = load_settings({"TOCSIN_DUPLICATES_HOURS": "48", "TOCSIN_DUPLICATES_MOST": "300000"})
    assert more.partition_settings() == PartitionSettings(duplicates_hours=48, duplicates_most=300_000)
    kinds = ("reporters", "channels", "messages")
    limits = load_settings({f"TOCSIN_NEW_{kind.upper()}_PER_HOUR": "2000" for kind in kinds})
    assert limits.partition_settings() == PartitionSettings(
        **{f"new_{kind}_per_hour": 2_000 for kind in kinds}
    )


def test_an_unknown_variable_is_refused_and_the_known_are_listed():
    message = refused(kafka_bootstraps="x:1", nonsense="1")
    assert "TOCSIN_KAFKA_BOOTSTRAPS: there is no such setting" in message
    assert "TOCSIN_NONSENSE: there is no such setting" in message
    assert "TOCSIN_KAFKA_BOOTSTRAP," in message


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("partitons", "TOCSIN_PARTITIONS"),
        ("kafka_bootstraps", "TOCSIN_KAFKA_BOOTSTRAP"),
        ("hashkey", "TOCSIN_HASH_KEY"),
        ("replication", "TOCSIN_REPLICATION_FACTOR"),
    ],
)
def test_a_misspelt_variable_is_answered_with_the_one_that_is_spelled_like_it(typed, meant):
    message = refused(**{typed: "1"})
    assert message.startswith(f"TOCSIN_{typed.upper()}: there is no such setting. Did you mean {meant}")
    assert "Known" not in message


@pytest.mark.parametrize("group", ["tocsin", "other"])
def test_a_group_of_ones_own_is_refused_with_what_to_do(group):
    message = refused(app_id=group, kafka_bootstraps="x:1")
    assert message.startswith("TOCSIN_APP_ID: this setting no longer exists")
    assert "stop every worker that runs with it" in message


def test_the_number_of_ids_that_were_remembered_is_refused_with_what_replaces_it():
    message = refused(duplicates_remembered="200000")
    assert message.startswith("TOCSIN_DUPLICATES_REMEMBERED: this setting no longer exists")
    assert "TOCSIN_DUPLICATES_HOURS (24)" in message


@pytest.mark.parametrize("codec", ["none", "lz4", "zstd"])
def test_a_codec_of_ones_own_is_refused_with_what_to_do(codec):
    message = refused(compression=codec)
    assert message.startswith("TOCSIN_COMPRESSION: this setting no longer exists: unset it.")


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("kafka_bootstrap", "localhost", "host:port"),
        ("kafka_bootstrap", "localhost:9092,kafka://localhost:9092", "no scheme"),
        ("kafka_bootstrap", "localhost:99999", "1 to 65535"),
        ("kafka_bootstrap", "localhost:0", "host:port"),
        ("kafka_bootstrap", "localhost:9092,", "several separated by commas"),
        ("kafka_bootstrap", "localhost:9092, other:9092", "several separated by commas"),
        ("partitions", "0", "greater than or equal to 1"),
        ("partitions", "many", "integer"),
        ("topic_prefix", "a b", "topic name"),
        ("instance", "pod 1", "no other live worker has"),
        ("instance", "x" * 101, "no other live worker has"),
        ("core", "rust", "'auto', 'python' or 'native'"),
        ("dead_letter_breaker", "maybe", "'on' or 'off'"),
        ("duplicates_hours", "0", "greater than or equal to 1"),
        ("duplicates_most", "9999", "greater than or equal to 10000"),
        ("duplicates_most", "20000001", "less than or equal to 20000000"),
        ("new_reporters_per_hour", "999", "greater than or equal to 1000"),
        ("new_channels_per_hour", "0", "greater than or equal to 1000"),
        ("new_messages_per_hour", "none", "integer"),
        ("log_level", "LOUD", "'DEBUG'"),
        ("log_format", "xml", "'auto', 'console' or 'json'"),
        ("actor", "jane@example.org", "Pseudonym"),
        ("http_port", "65536", "less than or equal to 65535"),
        ("http_host", "a b", "/metrics"),
        ("watchdog_seconds", "1", "greater than or equal to 5"),
    ],
)
def test_an_invalid_value_is_refused_with_variable_and_valid_values(name, text, hint):
    message = refused(**{name: text})
    assert message.startswith(f"TOCSIN_{name.upper()}: ")
    assert hint in message


@pytest.mark.parametrize("text", ["localhost", "", ":9092", "localhost:", "localhost:٩", "a:1 b:2"])
def test_invalid_brokers_are_refused_without_showing_a_regular_expression(text):
    message = refused(kafka_bootstrap=text)
    assert "must be host:port" in message
    assert "pattern" not in message


@pytest.mark.parametrize("text", ["localhost:9092", "a.example:1,b.example:65535", "[::1]:9092"])
def test_valid_brokers_are_accepted_unchanged(text):
    assert load_settings({"TOCSIN_KAFKA_BOOTSTRAP": text}).kafka_bootstrap == text


def test_every_setting_is_described():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_password_is_never_shown():
    settings = load_settings({"TOCSIN_KAFKA_SASL_PASSWORD": "geheim"})
    assert "geheim" not in repr(settings) + str(settings.model_dump())


SASL = {
    "TOCSIN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "TOCSIN_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "TOCSIN_KAFKA_SASL_USERNAME": "tocsin",
    "TOCSIN_KAFKA_SASL_PASSWORD": "geheim",
}


def test_credentials_are_passed_to_faust_and_to_tocsins_own_clients():
    connection = load_settings(SASL).connection()
    options = connection.client_options()
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("tocsin", "geheim")
    credentials = connection.faust_credentials()
    assert (credentials.username, credentials.password) == ("tocsin", "geheim")
    assert credentials.mechanism.value == "SCRAM-SHA-512"
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.ssl_context is options["ssl_context"]
    assert "geheim" not in repr(connection)


def test_sasl_without_tls_is_passed_to_faust():
    connection = load_settings(SASL | {"TOCSIN_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}).connection()
    assert connection.faust_credentials().protocol.value == "SASL_PLAINTEXT"
    assert connection.client_options()["security_protocol"] == "SASL_PLAINTEXT"


def test_tls_works_without_sasl():
    connection = load_settings({"TOCSIN_KAFKA_SECURITY_PROTOCOL": "SSL"}).connection()
    assert connection.faust_credentials().context is connection.client_options()["ssl_context"]


@pytest.mark.parametrize("missing", ["MECHANISM", "USERNAME", "PASSWORD"])
def test_incomplete_sasl_settings_are_refused(missing):
    variables = {name: text for name, text in SASL.items() if not name.endswith(missing)}
    with pytest.raises(SettingsError, match="TOCSIN_KAFKA_SASL_MECHANISM"):
        load_settings(variables).connection()


@pytest.mark.parametrize(
    ("protocol", "name", "remedy"),
    [
        ("PLAINTEXT", "SASL_MECHANISM", "must be SASL_PLAINTEXT or SASL_SSL"),
        ("PLAINTEXT", "SASL_USERNAME", "must be SASL_PLAINTEXT or SASL_SSL"),
        ("SSL", "SASL_PASSWORD", "must be SASL_PLAINTEXT or SASL_SSL"),
        ("PLAINTEXT", "SSL_CA_FILE", "must be SSL or SASL_SSL"),
        ("PLAINTEXT", "SSL_CERTIFICATE_FILE", "must be SSL or SASL_SSL"),
        ("PLAINTEXT", "SSL_KEY_FILE", "must be SSL or SASL_SSL"),
        ("SSL", "SSL_KEY_FILE", "set TOCSIN_KAFKA_SSL_CERTIFICATE_FILE too"),
    ],
)
def test_settings_without_effect_are_refused(protocol, name, remedy):
    variables = {"TOCSIN_KAFKA_SECURITY_PROTOCOL": protocol, f"TOCSIN_KAFKA_{name}": "PLAIN"}
    with pytest.raises(SettingsError) as caught:
        load_settings(variables).connection()
    assert str(caught.value).startswith(f"TOCSIN_KAFKA_{name} ")
    assert remedy in str(caught.value)


@pytest.mark.parametrize(("replicas", "in_sync"), [("1", None), (None, "4"), ("2", "3")])
def test_more_in_sync_replicas_than_replicas_are_refused(replicas, in_sync):
    given = {"TOCSIN_REPLICATION_FACTOR": replicas, "TOCSIN_MIN_INSYNC_REPLICAS": in_sync}
    with pytest.raises(
        SettingsError,
        match=r"^TOCSIN_MIN_INSYNC_REPLICAS is . and TOCSIN_REPLICATION_FACTOR .+single broker set both to 1",
    ):
        load_settings({name: text for name, text in given.items() if text})


def test_as_many_in_sync_replicas_as_replicas_are_accepted():
    settings = load_settings({"TOCSIN_REPLICATION_FACTOR": "1", "TOCSIN_MIN_INSYNC_REPLICAS": "1"})
    assert settings.min_insync_replicas == settings.replication_factor


@pytest.mark.parametrize("value", ["on", "off", ""])
def test_the_switch_of_the_stage_of_reporters_is_refused_and_says_what_to_do(value):
    message = refused(reporters=value)
    assert message.startswith("TOCSIN_REPORTERS: this setting no longer exists")
    assert "Unset it." in message
    assert "docs/upgrading.md" in message


def test_an_unreadable_certificate_is_refused(tmp_path):
    variables = {
        "TOCSIN_KAFKA_SECURITY_PROTOCOL": "SSL",
        "TOCSIN_KAFKA_SSL_CA_FILE": str(tmp_path / "no.pem"),
    }
    with pytest.raises(SettingsError, match="PEM"):
        load_settings(variables).connection()
