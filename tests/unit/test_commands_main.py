"""`tocsin` itself: its commands, its messages, and the exit codes that scripts rely on."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.commands.main import commands, main
from streams.commands.shared.broker_errors import broker_errors_explained
from streams.commands.table import COMMANDS, NOT_IN_IMAGES
from streams.running.worker.settings import Settings
from tests.command_tree import groups, leaves, subcommand
from tocsin_demo.demo.running_program import running_program

ROOT = Path(__file__).parents[2]
SHIPPED_LAW = ROOT / "streams" / "registry" / "law"


@pytest.fixture
def tocsin(monkeypatch, capsys):
    """Runs the command line in this process and returns exit code, standard output and standard error."""
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["tocsin", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return run


@pytest.mark.parametrize("path", leaves(commands), ids=" ".join)
def test_every_command_explains_itself(tocsin, path):
    code, out, _ = tocsin(*path, "--help")
    assert code == 0
    # The help has a sentence on the command and one on every option.
    usage, _, rest = out.partition("\n\n")
    assert usage.startswith(f"Usage: tocsin {' '.join(path)}")
    assert len(rest.split(".")[0].split()) >= 3
    # What follows a long option is on the next line.
    for option in rest.partition("Options:")[2].split("\n  --")[1:]:
        assert len(option.split()) > 3, option


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_of_a_command_what_its_own_help_says(name):
    command = subcommand(commands, name)
    assert command.name == name
    assert command.get_short_help_str(1_000) == COMMANDS[name][1]


def test_every_command_is_in_the_table():
    folder, demo, up = ROOT / "streams" / "commands", ROOT / "tocsin_demo", ROOT / "tocsin_up"
    program = {folder / f"{name}.py" for name in ("__init__", "main", "table", "explained_errors")}
    paths = {
        *folder.glob("*/command.py"),
        *folder.glob("*.py"),
        *demo.glob("*/command.py"),
        up / "command.py",
    }
    paths -= program
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}
    assert {target.partition(":")[0] for target, _ in COMMANDS.values()} == modules


def test_help_lists_the_commands_of_the_table_in_the_width_of_the_terminal(tocsin, monkeypatch):
    for width in (60, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        _, out, _ = tocsin("--help")
        lines = out.partition("Commands:\n")[2].splitlines()
        # Click uses 80 columns at most, however wide the terminal is.
        assert [line for line in lines if len(line) > min(width, 80)] == []
        listed = dict(line.split(maxsplit=1) for line in lines)
        assert list(listed) == sorted(COMMANDS)
        for name, text in listed.items():
            assert COMMANDS[name][1].startswith(text.removesuffix("..."))


@pytest.mark.parametrize(
    "path", [path for path, _ in groups(commands)], ids=lambda path: " ".join(path) or "tocsin"
)
def test_every_group_suggests_its_commands(tocsin, path):
    group = dict(groups(commands))[path]
    for name in group.list_commands(click.Context(group)):
        code, _, err = tocsin(*path, f"{name}x")
        assert code == 2
        assert name in err.partition("Did you mean ")[2].rstrip("?\n").split(", ")


def test_config_show_lists_every_setting_and_masks_secrets(tocsin, monkeypatch):
    monkeypatch.setenv("TOCSIN_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("TOCSIN_KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("TOCSIN_KAFKA_SASL_USERNAME", "tocsin")
    monkeypatch.setenv("TOCSIN_KAFKA_SASL_PASSWORD", "correct-horse")
    code, out, err = tocsin("config", "show")
    assert code == 0
    assert "correct-horse" not in out + err
    assert "TOCSIN_KAFKA_SASL_PASSWORD=********  (set)" in out
    assert "TOCSIN_PARTITIONS=4  (default)" in out
    assert "TOCSIN_POLICIES_FILE=  (default)" in out


POLICY = """
policies:
  - id: local-fraud
    mode: shadow
    categories: [fraud, spam]
    window: PT6H
    levels:
      - {level: 1, name: look, when: {distinct_reporters: 3, risk: 0.4}}
    clear_below: 0.5
    min_clear: PT1H
    cooldown: PT2H
    reason: For this test.
"""


def test_policy_check_lists_the_shipped_policies(tocsin):
    code, out, _ = tocsin("policy", "check")
    assert code == 0
    assert "intimate-images" in out
    assert "3 channel_review: reports >= 10, risk >= 2.5" in out


@pytest.mark.parametrize("by_variable", [False, True])
def test_policy_check_lists_the_policies_of_a_file(tocsin, tmp_path, monkeypatch, by_variable):
    path = tmp_path / "mine.yaml"
    path.write_text(POLICY)
    if by_variable:
        monkeypatch.setenv("TOCSIN_POLICIES_FILE", str(path))
    code, out, _ = tocsin("policy", "check", *([] if by_variable else [str(path)]))
    assert code == 0
    assert "local-fraud  shadow  PT6H    fraud       1 look: distinct_reporters >= 3, risk >= 0.4" in out
    assert "child-safety" not in out


@pytest.mark.parametrize("name", ["demo", "simulate", "up"])
def test_a_container_image_says_where_its_commands_are(tocsin, monkeypatch, name):
    class WithoutThem:
        def find_spec(self, module, *_):
            if module in NOT_IN_IMAGES:
                raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(sys, "meta_path", [WithoutThem(), *sys.meta_path])
    for module in [module for module in sys.modules if module.partition(".")[0] in NOT_IN_IMAGES]:
        monkeypatch.delitem(sys.modules, module)
    code, _, err = tocsin(name)
    assert code == 1
    assert f"without `tocsin {name}`" in err


def test_the_message_for_a_missing_topic_mentions_missing_permissions():
    with pytest.raises(click.ClickException) as caught, broker_errors_explained(Settings()):
        raise UnknownTopicOrPartitionError("escalations")
    assert "`tocsin topics create`" in caught.value.message
    assert "this user may not see it: docs/deployment.md" in caught.value.message


@pytest.mark.parametrize("arguments", [("worker",), ("policy", "check"), ("registry", "check")], ids=" ".join)
@pytest.mark.parametrize(
    "name",
    [
        "TOCSIN_POLICIES_FILE",
        "TOCSIN_SCORING_FILE",
        "TOCSIN_CATEGORIES_FILE",
        "TOCSIN_PLATFORM_FILE",
        "TOCSIN_LAW_FOLDER",
    ],
)
def test_a_missing_rules_file_is_named_with_its_variable(tocsin, tmp_path, monkeypatch, name, arguments):
    monkeypatch.setenv(name, str(tmp_path / "nope"))
    code, _, err = tocsin(*arguments)
    assert code == 2
    assert "No such file or directory" in err
    assert f"\n{name}={tmp_path / 'nope'} points to it" in err


def test_of_several_variables_the_one_that_points_to_the_file_is_named(tocsin, tmp_path, monkeypatch):
    monkeypatch.setenv("TOCSIN_LAW_FOLDER", str(SHIPPED_LAW))
    monkeypatch.setenv("TOCSIN_PLATFORM_FILE", str(tmp_path / "nope.yaml"))
    _, _, err = tocsin("registry", "check")
    assert "TOCSIN_PLATFORM_FILE=" in err
    assert "TOCSIN_LAW_FOLDER" not in err


def test_a_missing_file_that_no_variable_points_to_is_named_alone(tocsin, tmp_path, monkeypatch):
    monkeypatch.setenv("TOCSIN_LAW_FOLDER", str(SHIPPED_LAW))
    code, _, err = tocsin("registry", "check", "--law", str(tmp_path))
    assert code == 2
    assert err == f"Error: {tmp_path}: cannot be read: no folder of law (it has no GLOBAL.yaml)\n"


@pytest.mark.parametrize("started", [".venv/bin/tocsin", "/opt/a b/tocsin"])
def test_the_program_is_named_as_it_was_started(monkeypatch, started):
    monkeypatch.setattr(sys, "argv", [started, "demo"])
    assert shlex.split(running_program()) == [str(Path.cwd() / started)]


def test_the_name_of_a_program_started_as_a_module_can_be_run(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [str(ROOT / "streams" / "commands" / "main.py"), "demo"])
    done = subprocess.run(
        f"{running_program()} --version",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("tocsin, version"), done.stderr


def test_a_terminated_tail_exits_with_the_documented_code(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("TOCSIN_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.commands.main", "tail", "escalations"],
            cwd=tmp_path,
            env=kept | {"TOCSIN_KAFKA_BOOTSTRAP": f"127.0.0.1:{silent.getsockname()[1]}"},
        )
        try:
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                code = process.wait(30)
        finally:
            process.kill()
            process.wait()
    # A shell reports 128 plus the number of the signal.
    assert code == -signal.SIGTERM
    assert f"\n| {128 - code} | ended by SIGTERM" in (ROOT / "docs" / "exit-codes.md").read_text(
        encoding="utf-8"
    )
