"""The workflow that builds a release on a public CI: it cannot run here, so what can be known of it is held."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.tools import program
from tests.yaml_files import load_yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "release.yml"
TEXT = FILE.read_text(encoding="utf-8")
WORKFLOW = load_yaml(TEXT)
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_it_says_that_it_was_never_run_and_so_does_the_page_of_releases():
    assert "This file was never run." in TEXT.partition("name: release")[0]
    release = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## A release")[2]
    assert "never run" in " ".join(release.partition("\n## ")[0].split())


def test_actions_of_others_are_pinned_by_their_commit():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used and [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each)] == []
    # For people: which version that is.
    assert len(re.findall(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", TEXT, re.MULTILINE)) == len(used)


def test_no_job_may_do_more_than_it_asks_for():
    assert WORKFLOW["permissions"] == {}
    assert JOBS["build"]["permissions"] == {"contents": "read"}
    # Only the job that runs no code of the repository may write.
    writes = JOBS["attest"]
    assert set(writes["permissions"]) == {"contents", "id-token", "attestations"}
    assert not [
        step
        for step in writes["steps"]
        if "checkout" in step.get("uses", "") or "make " in step.get("run", "")
    ]


def test_the_targets_that_it_makes_exist():
    made = re.findall(r"make ([a-z-]+)", " ".join(step.get("run", "") for step in STEPS))
    assert set(made) == {"dist", "chart"}
    assert [target for target in made if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)] == []


def test_wheels_image_and_chart_are_attested():
    (attest,) = [step for step in STEPS if "attest-build-provenance" in step.get("uses", "")]
    assert attest["with"] == {"subject-checksums": "dist/SHA256SUMS"}
    build = " ".join(step.get("run", "") for step in JOBS["build"]["steps"])
    assert "docker save" in build and "deploy/container/Dockerfile" in build


def test_a_person_publishes_a_release_and_the_workflow_only_drafts_it():
    assert "gh release create" in TEXT and "--draft" in TEXT
    assert not re.search(r"docker push|helm push|twine|pypi-publish|uv publish", TEXT)


@pytest.mark.nightly
def test_actionlint_and_zizmor_accept_it():
    # The first time actionlint is built with a Go from the Python package index.
    make = [program("make", "apt-get install make"), "--silent", "release-check"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nightly
def test_the_chart_is_packed(tmp_path):
    make = [program("make", "apt-get install make"), "--silent", "chart", f"DIST={tmp_path}"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.suffix for path in tmp_path.iterdir()] == [".tgz"]
