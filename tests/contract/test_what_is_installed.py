"""Nobody is told to install a name of a package index before that index has a Tocsin which is ours."""

import ast
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams import distribution
from streams.commands.main import commands
from tocsin_demo.local_kafka.errors import LocalKafkaError

ROOT = Path(__file__).parents[2]
SAYS_IT = ROOT / "streams" / "distribution.py"
# What a person reads or runs. The changelog says what was, and is no instruction.
PLACES = (
    *ROOT.glob("*.md"),
    *(ROOT / name for name in ("Makefile", "docker-compose.yml", "pyproject.toml", ".ci/run")),
    *(
        path
        for folder in ("docs", "deploy", "schemas", "streams", "tocsin_demo", "tocsin_up")
        for path in (ROOT / folder).rglob("*")
    ),
    *(ROOT / "native").glob("*"),
)

# The name with an extra, but not the path of a wheel with one.
_WITH_EXTRA = r"(?<![\w./-])tocsin\["
# One of the names alone; `tocsin-*.whl` is a file.
_NAME = r"""["']?tocsin(?:[-_]native)?(?![\w.*/-])"""
# Among the first words after `pip install`, pipx and uv included.
_BARE = rf"""\b(?:pip3?|pipx|uv|uvx)\b(?:\s+\S+){{0,4}}?\s+(?:tool\s+)?install(?:\s+\S+){{0,6}}?\s+{_NAME}"""
# What is run at once: the first word is the package's name too, unless an option says from where it comes.
_RUN = rf"\b(?:uvx|uv tool run|pipx run)\s+{_NAME}|--(?:from|spec|with)[ =]{_NAME}"
# A chart, or an image that is not built here.
_PULLED = r"\b(?:docker|podman)\s+(?:pull|run)(?:\s+\S+){0,6}?\s+(?:\S+/)?tocsin\b|\boci://\S*tocsin"
FROM_INDEX = re.compile(f"{_WITH_EXTRA}|{_BARE}|{_RUN}|{_PULLED}")
# Asks no index: what is not in the folders that it names is not installed.
_WITHOUT_INDEX = re.compile(
    r"""\binstall(?:\s+\S+){0,3}?\s+--no-index(?:\s+\S+){0,3}?\s+["']?tocsin(?:\[\w+\])?["']?"""
)


def from_index(text):
    """The first words of a text that have one of Tocsin's names installed from where all the world may publish."""
    return FROM_INDEX.search(_WITHOUT_INDEX.sub("", text))


def texts():
    for path in PLACES:
        if path.is_file() and path != SAYS_IT and path.suffix != ".pyc":
            try:
                yield path.relative_to(ROOT), " ".join(path.read_text(encoding="utf-8").split())
            except UnicodeDecodeError:
                continue


def test_nothing_names_an_index_that_does_not_have_it():
    found = [f"{path}: {found[0]}" for path, text in texts() if (found := from_index(text))]
    assert distribution.ON_PACKAGE_INDEX or found == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pip install tocsin", True),
        ("pip install --upgrade 'tocsin==0.3'", True),
        ("/opt/tocsin/bin/pip install --require-hashes -r requirements.txt tocsin", True),
        ("uv tool install tocsin", True),
        ("needs the packages of tocsin[tracing]", True),
        ("pip install 'tocsin[console]'", True),
        ("pip install './dist/tocsin-0.2.0-py3-none-any.whl[console]'", False),
        ("/opt/tocsin/bin/pip install --no-index --no-deps tocsin-*.whl", False),
        ("pip install tocsin-native", True),
        ("pip install --find-links dist 'tocsin[native]'", True),
        ("pip install --no-index --find-links dist 'tocsin[native]'", False),
        ("pip install --no-index --find-links dist 'tocsin[native]' and then pip install tocsin", True),
        ("uvx tocsin demo", True),
        ("pipx run tocsin demo", True),
        ("uvx --from tocsin tocsin demo", True),
        ("uvx --from './dist/tocsin-0.2.0-py3-none-any.whl[console,demo]' tocsin demo", False),
        ("pipx run --spec './dist/tocsin-0.2.0-py3-none-any.whl[console,demo]' tocsin demo", False),
        ("docker run --rm tocsin worker", True),
        ("docker compose --profile demo up --build", False),
        ("helm install oci://charts.example/tocsin", True),
    ],
)
def test_the_check_knows_an_index_from_a_file(text, told):
    assert bool(from_index(text)) is told


def messages(monkeypatch):
    """What people are told who lack the packages of an extra."""
    for module in ("streams.desk.console.run", "streams.desk.adapters.coop.run", "streams.intake.run"):
        monkeypatch.setitem(sys.modules, module, None)
    said = [
        CliRunner().invoke(commands, arguments).output
        for arguments in (["console"], ["adapter", "coop"], ["intake"])
    ]
    return [*said, str(LocalKafkaError.missing_package("jgo"))]


def test_messages_name_the_wheel_and_the_index_once_it_has_a_release(monkeypatch):
    extras = ("console", "adapters", "intake", "demo")
    wheel = f"./dist/tocsin-{distribution.__version__}-py3-none-any.whl"
    for published, named in ((False, wheel), (True, "tocsin")):
        monkeypatch.setattr(distribution, "ON_PACKAGE_INDEX", published)
        for extra, said in zip(extras, messages(monkeypatch), strict=True):
            assert f" pip install '{named}[{extra}]'" in said, said


def test_the_pages_say_what_the_messages_say():
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert f"    pip install '{distribution.requirement('demo')}'\n" in page


def test_every_extra_that_a_message_names_is_one():
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = set()
    folders = (ROOT / name for name in ("streams", "tocsin_demo", "tocsin_up"))
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        # The block says what its callers name.
        if path.name == "extra_packages.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
            if called in ("packages_missing", "extra_packages"):
                named.update(ast.literal_eval(node.args[1]).split(","))
    assert named == {"console", "adapters", "intake", "tracing", "demo"}
    assert [extra for extra in named if f"\n{extra} = [" not in declared] == []


def test_the_demo_finds_a_missing_extra_before_it_starts_or_makes_anything(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # Nothing listens there: a demo that got as far as topics would say so instead.
    monkeypatch.setenv("TOCSIN_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "streams.desk.console.run", None)
    done = CliRunner().invoke(commands, ["demo"])
    assert done.exit_code == 1
    assert "[console]'" in done.output
    monkeypatch.delenv("TOCSIN_KAFKA_BOOTSTRAP")
    monkeypatch.setitem(sys.modules, "jgo", None)
    done = CliRunner().invoke(commands, ["demo"])
    assert done.exit_code == 1
    assert "[console,demo]'" in done.output
    assert "Starting" not in done.output


def test_the_demo_asks_before_it_uses_brokers_that_it_did_not_start(monkeypatch):
    # Nothing listens there: a demo that got as far as topics would say so instead.
    monkeypatch.setenv("TOCSIN_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    for answer in ("n\n", "\n", ""):
        done = CliRunner().invoke(commands, ["demo"], input=answer)
        assert done.exit_code == 1
        assert "on the brokers at 127.0.0.1:9" in done.output
        assert done.output.rstrip().endswith("Aborted!")
    for arguments, answer in (([], "y\n"), (["--yes"], "")):
        done = CliRunner().invoke(commands, ["demo", *arguments], input=answer)
        assert done.exit_code == 1
        assert "no Kafka broker answers at 127.0.0.1:9" in done.output
