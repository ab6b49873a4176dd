"""Renders the manifests with kustomize and Helm, and lints them: `python -m tests.kubernetes
FOLDER_OF_THE_TOOLS`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from generators.kubernetes_resources import alerts
from tests.contract.test_alerts import RUNBOOK_URL_PREFIX as SHIPPED_RUNBOOKS
from tests.kubernetes.rendered import CHART, KUSTOMIZE, objects, write

# What we do on purpose: docs/deployment.md and the comments in the manifests say why.
UNWANTED = (
    "container-resources",  # wants limits for CPU
    "container-ephemeral-storage-request-and-limit",  # workers write nothing but logs
    "container-image-pull-policy",  # tags are never moved
    "deployment-has-host-podantiaffinity",  # topologySpreadConstraints do that
    "deployment-replicas",  # KEDA sets those of workers
)
# The trial's broker is no example for production.
LINTED = ("production", "helm")

# Of the tests that kube-score leaves out unless asked.
WANTED = (
    "container-memory-requests-equal-limits",
    "container-ports-check",
    "environment-variable-key-duplication",
)

# Where runbooks are, other than by default.
RUNBOOKS = "https://git.example.org/tocsin/"

# Values that differ from the defaults in what the templates decide.
OTHER_VALUES = {
    "autoscaling": {"enabled": False},
    "monitoring": {"enabled": False},
    "console": {"enabled": False},
    "image": {"tag": f"1.0.0@sha256:{'0' * 64}"},
    "imagePullSecrets": ["registry"],
    "partitions": 6,
    "settings": {"TOCSIN_DEAD_LETTER_BREAKER": "off", "TOCSIN_LOG_LEVEL": "WARNING"},
    "worker": {
        "replicas": 5,
        "settings": {"TOCSIN_DEAD_LETTER_BREAKER": "on", "TOCSIN_WATCHDOG_SECONDS": 90},
    },
}


def main(arguments):
    """Render and lint. Returns the exit code."""
    tools = Path(arguments[0])
    with TemporaryDirectory() as home:
        # Helm looks for plugins and repositories there; nothing of the user's may change what it renders.
        environment = {"PATH": os.environ["PATH"], "HOME": home}

        def run(tool, *options, text=None):
            done = subprocess.run(
                [tools / tool, *map(str, options)],
                input=text,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.stderr.write(done.stdout + done.stderr)
                raise SystemExit(f"{tool} {' '.join(map(str, options))} failed")
            return done.stdout

        other = Path(home) / "other.yaml"
        other.write_text(yaml.safe_dump(OTHER_VALUES), encoding="utf-8")
        rendered = {
            "production": run("kustomize", "build", KUSTOMIZE / "overlays" / "production"),
            "trial": run("kustomize", "build", KUSTOMIZE / "overlays" / "trial"),
            "helm": run("helm", "template", "tocsin", CHART),
            "helm-other": run("helm", "template", "other", CHART, "--values", other),
        }
        for name, text in rendered.items():
            write(name, text)
        for name in ("production", "helm"):
            # The braces of the alerts' texts could be taken for those of a template.
            if objects(rendered[name])["PrometheusRule", "tocsin"]["spec"] != alerts():
                raise SystemExit(f"{name}: the alerts are not those of deploy/prometheus/rules")
        ours = Path(home) / "kubernetes"
        shutil.copytree(KUSTOMIZE, ours)
        setting = ours / "overlays" / "production" / "runbooks.yaml"
        setting.write_text(setting.read_text().replace(SHIPPED_RUNBOOKS, RUNBOOKS))
        expected = json.loads(json.dumps(alerts()).replace(SHIPPED_RUNBOOKS, RUNBOOKS))
        for tool, text in {
            "kustomize": run("kustomize", "build", setting.parent),
            "helm": run("helm", "template", "t", CHART, "--set", f"monitoring.runbookURLPrefix={RUNBOOKS}"),
        }.items():
            (rules,) = (found for (kind, _), found in objects(text).items() if kind == "PrometheusRule")
            if rules["spec"] != expected:
                raise SystemExit(f"{tool}: the links of alerts do not lead to the runbooks at {RUNBOOKS}")
        run("kustomize", "build", KUSTOMIZE / "strimzi")
        run("kustomize", "build", KUSTOMIZE / "strimzi" / "people")
        run("helm", "lint", "--strict", CHART)
        run("helm", "lint", "--strict", "--values", other, CHART)
        lint = [word for test in UNWANTED for word in ("--ignore-test", test)]
        lint += [word for test in WANTED for word in ("--enable-optional-test", test)]
        for name in LINTED:
            run(
                "kube-score",
                "score",
                "--exit-one-on-warning",
                "--output-format",
                "ci",
                *lint,
                "-",
                text=rendered[name],
            )
    print(f"rendered {', '.join(rendered)}; no lint finds anything")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
