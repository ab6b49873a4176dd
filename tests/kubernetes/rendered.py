"""What kustomize and Helm make of `deploy/`, kept in the repository so that its tests need neither."""

import hashlib
from pathlib import Path

from tests.yaml_files import load_all_yaml

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "deploy" / "kubernetes"
CHART = ROOT / "deploy" / "helm" / "tocsin"
FOLDER = ROOT / "tests" / "fixtures" / "kubernetes"
# Generated files. They are left out of the renderings, so that a change of a topic or an alert needs no new
# rendering.
GENERATED = {
    KUSTOMIZE / "monitoring" / "alerts.yaml",
    CHART / "files" / "alerts.yaml",
    KUSTOMIZE / "strimzi" / "topics.yaml",
    KUSTOMIZE / "strimzi" / "users.yaml",
    KUSTOMIZE / "strimzi" / "people" / "users.yaml",
}


def sources_digest():
    """Return a digest of everything that is rendered."""
    digest = hashlib.sha256()
    for path in sorted([*KUSTOMIZE.rglob("*"), *CHART.rglob("*")]):
        if path.is_file() and path not in GENERATED:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def head():
    """Return the first line of a rendering of the sources as they are now."""
    return f"# Rendered by `make kubernetes` from sources with the digest {sources_digest()}.\n"


def write(name, text):
    """Keep a rendering, without the alerts."""
    kept = [part for part in text.split("---\n") if "\nkind: PrometheusRule\n" not in part]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.yaml").write_text(head() + "---\n".join(kept), encoding="utf-8")


def objects(text):
    """Return the objects of a rendering by kind and name."""
    documents = [document for document in load_all_yaml(text) if document]
    found = {(document["kind"], document["metadata"]["name"]): document for document in documents}
    assert len(found) == len(documents), "two objects have the same kind and name"
    return found
