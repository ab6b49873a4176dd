"""What a production install brings: pinned packages only, without the local Kafka, listed in the bill of
materials.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name):
    """Return the version of each package that a requirements file pins, by name."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE))


def package(requirement):
    return re.match(r"[A-Za-z0-9-]+", requirement)[0].lower()


@pytest.fixture
def bill(release):
    """Return the bill of materials that `make dist` writes with `make sbom`."""
    return json.loads((release / "tocsin.cdx.json").read_text(encoding="utf-8"))


def test_a_production_install_has_the_dependencies_but_not_the_local_kafka():
    runtime = pins("runtime")
    assert [name for name in map(package, PROJECT["dependencies"]) if name not in runtime] == []
    assert [name for name in map(package, PROJECT["optional-dependencies"]["demo"]) if name in runtime] == []


def test_tests_run_with_the_versions_of_production():
    tested = pins("dev")
    assert {name: tested.get(name) for name in pins("runtime")} == pins("runtime")


@pytest.mark.parametrize(
    "name", ["runtime", "dev", "build", "audit", "calendars", "docs", "kubernetes", "release"]
)
def test_every_pin_has_hashes_and_names_no_registry(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(name)) > 0
    assert [entry.partition("\n")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text and "--index" not in text


@pytest.mark.nightly
def test_the_bill_lists_exactly_the_pinned_packages_with_their_hashes(bill):
    assert {entry["name"]: entry["version"] for entry in bill["components"]} == pins("runtime")
    for entry in bill["components"]:
        hashes = [item for link in entry["externalReferences"] for item in link.get("hashes", [])]
        assert any(item["alg"] == "SHA-256" for item in hashes), entry["name"]


@pytest.mark.slow
def test_the_bill_is_of_tocsin(bill):
    described = bill["metadata"]["component"]
    assert described["name"] == "tocsin" and described["type"] == "application"
    assert bill["bomFormat"] == "CycloneDX"
