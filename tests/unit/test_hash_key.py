"""The keyed hash of reporters: nobody can choose or try refs by it, and its key is checked and never shown."""

import struct

import pytest
from click.testing import CliRunner
from xxhash import xxh3_64_intdigest

from streams.commands.main import commands
from streams.deciding.partition.hash_key import DEMONSTRATION_KEY, UNKEYED, HashKeys, hash_key
from streams.deciding.reports.state import ReportState
from streams.running.worker.environment import SettingsError
from streams.running.worker.hash_keys import configured_hash_keys, given_hash_keys, is_public
from streams.running.worker.rules import report_rules
from streams.running.worker.settings import load_settings
from tests.unit.traffic import SHIPPED, START, compiled, fold, of_topic, report, run
from tocsin_demo.demo.surroundings import demo_environment

SECRET = bytes(range(100, 132))
OTHER = bytes(range(50, 114))
KEY = hash_key(SECRET)


def test_the_hash_depends_on_the_key_and_the_ref_alone():
    hashes = {
        (key, ref): hash_key(key).reporter_hash(ref) for key in (SECRET, OTHER) for ref in ("a", "b", "ä")
    }
    assert len(set(hashes.values())) == 6
    assert all(0 <= hashed < 2**64 for hashed in hashes.values())
    assert hash_key(bytes(SECRET)).reporter_hash("a") == hashes[SECRET, "a"]
    # A known answer: another value would make every reporter in stored state count twice.
    assert KEY.reporter_hash("u1") == 0x4386AF6954026E57
    assert KEY.id == "900de760"


def test_the_key_id_is_no_part_of_the_key():
    assert bytes.fromhex(KEY.id) not in SECRET
    assert KEY.id != hash_key(OTHER).id
    assert SECRET.hex() not in repr(HashKeys(KEY))


def distinct_reporters(keys, refs):
    """The number of reporters that the stage counts when each of these refs reports once."""
    rules = compiled(hash_keys=keys)
    state = ReportState(0, 1, rules)
    records = [
        report(n, START + n, reporter={"kind": "user", "ref": ref}, appended=START + n)
        for n, ref in enumerate(refs)
    ]
    [*_, last] = of_topic(run(state, rules, records), "enriched-reports")
    return last["channel_windows"][0]["distinct_reporters"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reporters", "chosen", "steered"),
    [
        pytest.param(
            9_000,
            lambda hashed: hashed < 2**61,
            lambda count, true: count > 6 * true,
            marks=pytest.mark.nightly,
            id="in every sample",
        ),
        # More than twice as many as a sample holds.
        pytest.param(
            4_500,
            lambda hashed: hashed >= 2**63,
            lambda count, true: count < true / 2,
            id="in no sample",
        ),
    ],
)
def test_refs_chosen_by_a_public_hash_do_not_steer_the_estimate(reporters, chosen, steered):
    all_refs = map("p:{}".format, range(10 * reporters))
    refs = [ref for ref in all_refs if chosen(xxh3_64_intdigest(ref.encode()))][:reporters]
    assert len(refs) == reporters
    assert abs(distinct_reporters(HashKeys(KEY), refs) - reporters) < reporters / 10
    # The choice would work if the hash were public.
    assert steered(distinct_reporters(HashKeys(UNKEYED), refs), reporters)


def test_a_known_ref_cannot_be_tried_against_the_state():
    def stored(keys):
        rules = compiled(hash_keys=keys)
        state = {}
        fold(state, run(ReportState(0, 1, rules), rules, [report(n, START) for n in range(5)]).changes)
        return b"".join([*state.keys(), *state.values()])

    tried = struct.pack("<Q", xxh3_64_intdigest(b"u3"))
    assert tried in stored(HashKeys(UNKEYED))
    assert tried not in stored(HashKeys(KEY))
    assert SECRET not in stored(HashKeys(KEY))
    assert KEY.id.encode() in stored(HashKeys(KEY))


# --- settings


def refused(**variables):
    with pytest.raises(SettingsError) as caught:
        configured_hash_keys(load_settings({f"TOCSIN_{name}": text for name, text in variables.items()}))
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_missing_key_is_refused_with_a_way_to_make_one():
    message = refused()
    assert message.startswith("TOCSIN_HASH_KEY is missing")
    assert "openssl rand -hex 32" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has 0 hex digits; must have 64 to 128"),
        (SECRET[:31].hex(), "has 62 hex digits; must have 64 to 128"),
        ((SECRET * 3).hex(), "has 192 hex digits; must have 64 to 128"),
        (SECRET.hex()[:-1], "must be pairs of hex digits"),
        ("q" + SECRET.hex()[1:], "must be pairs of hex digits"),
        (f"{SECRET.hex()}\n", "must be pairs of hex digits"),
        ("00" * 32, "its bytes repeat"),
        ("ab" * 32, "its bytes repeat"),
        ("0123456789abcdef" * 4, "its bytes repeat"),
    ],
)
@pytest.mark.parametrize("name", ["HASH_KEY", "HASH_KEY_PREVIOUS"])
def test_a_weak_or_malformed_key_is_refused_without_being_shown(name, text, reason):
    message = refused(**({"HASH_KEY": OTHER.hex()} | {name: text}))
    assert message.startswith(f"TOCSIN_{name}: {reason}")
    assert "openssl rand -hex 32" in message
    assert len(text) < 10 or text not in message


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_a_key_is_read_from_the_variable_or_a_file(tmp_path, secret):
    file = tmp_path / "key"
    file.write_text(f"{secret.hex().upper()}\n")
    from_file = configured_hash_keys(load_settings({"TOCSIN_HASH_KEY_FILE": str(file)}))
    from_variable = configured_hash_keys(load_settings({"TOCSIN_HASH_KEY": secret.hex()}))
    assert from_file.current.id == from_variable.current.id == hash_key(secret).id
    assert from_file.current.reporter_hash("u1") == hash_key(secret).reporter_hash("u1")
    assert from_file.previous is None


def test_the_previous_key_may_come_from_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text(OTHER.hex())
    variables = {"TOCSIN_HASH_KEY": SECRET.hex(), "TOCSIN_HASH_KEY_PREVIOUS_FILE": str(file)}
    assert configured_hash_keys(load_settings(variables)).previous.id == hash_key(OTHER).id


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HASH_KEY": SECRET.hex(), "HASH_KEY_FILE": "/a"}, "HASH_KEY and TOCSIN_HASH_KEY_FILE are both set"),
        ({"HASH_KEY_FILE": "/no/such/key"}, "HASH_KEY_FILE=/no/such/key: cannot be read (No such file"),
        ({"HASH_KEY_PREVIOUS": SECRET.hex()}, "HASH_KEY_PREVIOUS is set: set TOCSIN_HASH_KEY too"),
        (
            {"HASH_KEY": SECRET.hex(), "HASH_KEY_PREVIOUS": SECRET.hex()},
            "HASH_KEY_PREVIOUS is the same key as TOCSIN_HASH_KEY",
        ),
    ],
)
def test_contradicting_settings_are_refused(variables, message):
    assert refused(**variables).startswith(f"TOCSIN_{message}")


def test_a_file_that_is_not_text_is_refused_without_showing_it(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(bytes(range(128, 160)))
    message = refused(HASH_KEY_FILE=str(file))
    assert message.startswith(f"TOCSIN_HASH_KEY_FILE={file}: cannot be read (it is not ASCII text)")


def test_the_worker_counts_under_the_key_of_its_settings():
    settings = load_settings({"TOCSIN_HASH_KEY": SECRET.hex()})
    rules = report_rules(settings, SHIPPED, configured_hash_keys(settings))
    assert ReportState(0, 1, rules).reporter_keys.reporter_hash("u1") == KEY.reporter_hash("u1")


def test_config_shows_the_id_and_not_the_key(monkeypatch, tmp_path):
    file = tmp_path / "key"
    file.write_text(OTHER.hex())
    monkeypatch.setenv("TOCSIN_HASH_KEY", SECRET.hex())
    monkeypatch.setenv("TOCSIN_HASH_KEY_PREVIOUS_FILE", str(file))
    shown = CliRunner().invoke(commands, ["config", "show"])
    assert shown.exit_code == 0
    assert f"TOCSIN_HASH_KEY=********, id {KEY.id}  (set)" in shown.output
    assert f"TOCSIN_HASH_KEY_PREVIOUS_FILE={file}, id {hash_key(OTHER).id}  (set)" in shown.output
    assert SECRET.hex() not in shown.output
    assert OTHER.hex() not in shown.output
    settings = load_settings({"TOCSIN_HASH_KEY": SECRET.hex()})
    assert SECRET.hex() not in repr(settings) + str(settings.model_dump())


def test_the_demo_needs_no_key_and_leaves_the_callers_key_alone(monkeypatch, tmp_path):
    for variables in ({}, {"TOCSIN_HASH_KEY_FILE": "/secret"}, {"TOCSIN_HASH_KEY": SECRET.hex()}):
        with monkeypatch.context() as patch:
            for name, text in variables.items():
                patch.setenv(name, text)
            environment = demo_environment("127.0.0.1:1", tmp_path)
        ours = {name: text for name, text in environment.items() if name.startswith("TOCSIN_HASH_KEY")}
        assert ours == {"TOCSIN_HASH_KEY": DEMONSTRATION_KEY.hex()}
        assert is_public(configured_hash_keys(load_settings(ours)))


def test_without_a_key_commands_that_hash_nobody_still_work():
    assert given_hash_keys(load_settings({})) is None
    assert not is_public(HashKeys(KEY))
