"""Writes the Kubernetes resources that follow from what Tocsin declares elsewhere.

Topics and users for the operator Strimzi, from the topic catalogue and the rights of each role, and the
alerts for the Prometheus operator and the Helm chart.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from streams.running.operations.access_rights import ROLES, Right, Role
from streams.running.topics.topic_catalogue import MIN_INSYNC, Topic, load_catalogue

Json = dict[str, Any]

DEPLOY = Path(__file__).parents[1] / "deploy"
ALERTS = DEPLOY / "prometheus" / "rules" / "tocsin.yaml"

# Since Strimzi 0.49, and the only version of this API since 1.0.
STRIMZI = "kafka.strimzi.io/v1"

# As in docs/operations-sizing.md, 'Sizing': the largest number of workers that may share the load.
PARTITIONS = 12
REPLICAS = 3
MIN_INSYNC_REPLICAS = 2

_SOURCE = "schemas/topics and streams/running/operations/access_rights.py"


def topic(declared: Topic) -> Json:
    """The KafkaTopic of a topic. Its name is the topic's."""
    return {
        "apiVersion": STRIMZI,
        "kind": "KafkaTopic",
        "metadata": {"name": declared.name},
        "spec": {
            "partitions": PARTITIONS if declared.partitions == "source" else declared.partitions,
            "replicas": REPLICAS,
            "config": {**declared.config, MIN_INSYNC: MIN_INSYNC_REPLICAS},
        },
    }


def user(role: Role) -> Json:
    """The KafkaUser of a role: `tocsin-<role>`. Strimzi writes its password to a Secret of the same name."""
    return {
        "apiVersion": STRIMZI,
        "kind": "KafkaUser",
        "metadata": {"name": f"tocsin-{role.name}"},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": list(_acls(role.rights))},
        },
    }


def alerts() -> Json:
    """The spec of the PrometheusRule: the groups of deploy/prometheus/rules."""
    spec: Json = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return spec


def files() -> dict[Path, str]:
    """The text of every generated file."""
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "tocsin"},
        "spec": alerts(),
    }
    strimzi = DEPLOY / "kubernetes" / "strimzi"
    rules = "deploy/prometheus/rules/tocsin.yaml"
    return {
        strimzi / "topics.yaml": _text(_SOURCE, map(topic, load_catalogue().values())),
        strimzi / "users.yaml": _text(_SOURCE, (user(role) for role in ROLES if role.standing)),
        strimzi / "people" / "users.yaml": _text(
            _SOURCE, (user(role) for role in ROLES if not role.standing)
        ),
        DEPLOY / "kubernetes" / "monitoring" / "alerts.yaml": _text(rules, [rule]),
        DEPLOY / "helm" / "tocsin" / "files" / "alerts.yaml": _text(rules, [alerts()]),
    }


def _acls(rights: Iterable[Right]) -> Iterable[Json]:
    operations: dict[tuple[str, str, bool], list[str]] = {}
    for right in rights:
        together = operations.setdefault((right.resource, right.name, right.prefixed), [])
        together += (each for each in right.operations if each not in together)
    for (resource, name, prefixed), allowed in operations.items():
        pattern = "prefix" if prefixed else "literal"
        yield {
            "resource": {"type": resource, "name": name, "patternType": pattern},
            "operations": allowed,
        }


class _Dumper(yaml.SafeDumper):
    """Writes as people do: texts of several lines as blocks, and no aliases."""

    def ignore_aliases(self, _: Any) -> bool:
        """Write equal parts again each time."""
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def _text(source: str, documents: Iterable[Json]) -> str:
    head = f"# Generated from {source} by `python -m generators kubernetes_resources`.\n"
    return head + "---\n".join(
        yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120) for document in documents
    )
