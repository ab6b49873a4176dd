"""What `deploy/` gives to Kubernetes is valid, the same from kustomize and Helm, safe, and matches Tocsin.

Reads the renderings that `make kubernetes` keeps, so that it needs neither kustomize nor Helm.
"""

import copy
import json
import re
import shutil
import subprocess
from collections import Counter

import jsonschema
import kubernetes_validate
import pytest
from click.testing import CliRunner

from generators.kubernetes_resources import MIN_INSYNC_REPLICAS, PARTITIONS, STRIMZI
from streams import __version__
from streams.commands.main import commands
from streams.contract.wire.topics import TOPICS
from streams.desk.console.people.access import load_access
from streams.desk.console.settings import CONSOLE_PREFIX, load_console_settings
from streams.registry.categories import built_in_categories
from streams.running.log.log import TRANSACTION_SECONDS
from streams.running.operations.access_rights import ROLES
from streams.running.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.running.operations.metric_catalogue import CATALOGUE
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.worker.settings import PREFIX, load_settings
from tests.kubernetes.custom_resources import SCHEMAS
from tests.kubernetes.rendered import CHART, FOLDER, KUSTOMIZE, ROOT, head, objects
from tests.promql import metrics
from tests.yaml_files import dump_yaml, load_yaml

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}
RENDERED = {name: objects(text) for name, text in TEXTS.items()}
PRODUCTION, TRIAL, HELM, OTHER = (RENDERED[name] for name in ("production", "trial", "helm", "helm-other"))
PARTS = {
    file: objects((KUSTOMIZE / file).read_text(encoding="utf-8"))
    for file in (
        "strimzi/topics.yaml",
        "strimzi/users.yaml",
        "strimzi/people/users.yaml",
        "monitoring/alerts.yaml",
    )
}
TOPICS_DECLARED, USERS, USERS_FOR_PEOPLE, ALERTS = PARTS.values()
ALL = [
    pytest.param(found, id=f"{name}-{kind}-{called}")
    for name, rendering in (RENDERED | PARTS).items()
    for (kind, called), found in rendering.items()
]
# The oldest and the newest of Kubernetes for which schemas and manifests are made.
VERSIONS = ("1.29", "1.37")
PROMTOOL = shutil.which("promtool")


# Every pod, with the object that makes it.
PODS = [
    pytest.param(found, found["spec"]["template"]["spec"], id=f"{name}-{kind}-{called}")
    for name, rendering in RENDERED.items()
    for (kind, called), found in rendering.items()
    if "template" in found["spec"]
]
TOCSIN_PODS = [row for row in PODS if row.values[1]["containers"][0]["name"] == "tocsin"]


def environment(container):
    """The variables of a container. What comes from a Secret or a field has a placeholder."""
    return {row["name"]: row.get("value", "placeholder") for row in container["env"]}


def container_of(rendering, name):
    (container,) = rendering["Deployment", name]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("name", TEXTS)
def test_the_renderings_are_up_to_date(name):
    assert TEXTS[name].partition("\n")[0] == head().strip(), "run `make kubernetes`"


@pytest.mark.parametrize("found", ALL)
def test_every_object_has_the_form_that_its_kind_takes(found):
    schema = SCHEMAS.get((found["apiVersion"], found["kind"]))
    if schema is not None:
        jsonschema.validate(found, schema)
        return
    for version in VERSIONS:
        kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("field", ["enableServiceLink", "containers"])
def test_a_misspelt_or_missing_field_would_be_found(field):
    deployment = copy.deepcopy(PRODUCTION["Deployment", "tocsin-worker"])
    pod = deployment["spec"]["template"]["spec"]
    if pod.pop(field, None) is None:
        pod[field] = False
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_helm_makes_the_objects_that_kustomize_makes():
    def comparable(node):
        if isinstance(node, dict):
            # Only Helm writes these.
            return {
                key: comparable(value)
                for key, value in node.items()
                if key not in ("helm.sh/chart", "app.kubernetes.io/managed-by")
            }
        if isinstance(node, list):
            rows = [comparable(row) for row in node]
            # The order of variables, ports and volumes says nothing.
            named = all(isinstance(row, dict) and "name" in row for row in rows)
            return sorted(rows, key=lambda row: row["name"]) if named else rows
        return node

    assert PRODUCTION.keys() == HELM.keys()
    for key, found in PRODUCTION.items():
        assert comparable(HELM[key]) == comparable(found), key


def test_the_chart_leaves_out_what_is_switched_off():
    assert Counter(kind for kind, _ in OTHER) == Counter(
        ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]
    )
    deployment = OTHER["Deployment", "other-worker"]
    assert deployment["spec"]["replicas"] == 5
    pod = deployment["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["containers"][0]["image"] == f"images.example.org/tocsin:1.0.0@sha256:{'0' * 64}"
    variables = environment(pod["containers"][0])
    # Those of workers win over those of both.
    assert (variables["TOCSIN_DEAD_LETTER_BREAKER"], variables["TOCSIN_LOG_LEVEL"]) == ("on", "WARNING")
    assert (variables["TOCSIN_WATCHDOG_SECONDS"], variables["TOCSIN_PARTITIONS"]) == ("90", "6")


@pytest.mark.parametrize(
    ("path", "value", "valid"),
    [
        ("worker.settings", {"TOCSIN_DEAD_LETTER_BREAKER": "on"}, True),
        ("worker.settings", {"TOCSIN_HASH_KEY_PREVIOUS_FILE": "/etc/tocsin/hash-key/previous"}, True),
        ("worker.settings", {"TOCSIN_HASH_KEY": "00"}, False),
        ("settings", {"TOCSIN_KAFKA_SASL_PASSWORD": "x"}, False),
        ("console.settings", {"TOCSIN_CONSOLE_SESSION_SECRET": "x"}, False),
        ("console.settings", {"TOCSIN_CONSOLE_SIGN_IN": "none"}, False),
        ("worker.settings", {"TOCSIN_DEAD_LETTER_BREAKER": True}, False),
        ("worker.memory", "2G", False),
        ("autoscaling.minimum", 1, False),
        ("brokers.bootstrap", "kafka", False),
        ("console.address", "http://desk.example.org", False),
        ("worker.instance", "pod-0", False),
    ],
)
def test_the_chart_refuses_values_that_cannot_work(path, value, valid):
    values = load_yaml((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    *folders, last = path.split(".")
    place = values
    for folder in folders:
        place = place[folder]
    jsonschema.validate(values, schema)
    place[last] = value
    assert jsonschema.Draft7Validator(schema).is_valid(values) == valid


@pytest.mark.parametrize(("made_by", "pod"), PODS)
def test_pods_have_as_little_power_as_they_need(made_by, pod):
    assert pod["automountServiceAccountToken"] is False
    # Variables that describe Services begin with TOCSIN_ or KAFKA_, which both programs take for settings.
    assert pod["enableServiceLinks"] is False
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True and security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        # The image of Kafka writes its configuration; only the trial has it.
        assert own["readOnlyRootFilesystem"] is (container["name"] != "kafka")
        resources = container["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"]
        assert "cpu" in resources["requests"] and "cpu" not in resources["limits"]


@pytest.mark.parametrize("name", RENDERED)
def test_every_pod_has_a_network_policy(name):
    policies = [found["spec"] for (kind, _), found in RENDERED[name].items() if kind == "NetworkPolicy"]
    for found in RENDERED[name].values():
        if found["kind"] in ("Deployment", "StatefulSet"):
            labels = found["spec"]["template"]["metadata"]["labels"]
            own = [
                policy
                for policy in policies
                if policy["podSelector"]["matchLabels"].items() <= labels.items()
            ]
            assert any("Ingress" in policy["policyTypes"] for policy in own), labels


@pytest.mark.parametrize("name", RENDERED)
def test_every_selector_selects_the_pods_of_its_own_kind_only(name):
    templates = {
        key: found["spec"]["template"]["metadata"]["labels"]
        for key, found in RENDERED[name].items()
        if found["kind"] in ("Deployment", "StatefulSet")
    }
    for (kind, called), found in RENDERED[name].items():
        spec = found["spec"]
        selectors = []
        if kind in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
            selectors.append(spec["selector"]["matchLabels"])
        if kind == "Service":
            selectors.append(spec["selector"])
        if kind == "NetworkPolicy" and called != "tocsin-to-kafka":
            selectors.append(spec["podSelector"]["matchLabels"])
        if kind == "Deployment":
            selectors += [
                rule["labelSelector"]["matchLabels"]
                for rule in spec["template"]["spec"]["topologySpreadConstraints"]
            ]
        for selector in selectors:
            chosen = [key for key, labels in templates.items() if selector.items() <= labels.items()]
            assert [key[1] for key in chosen] == [called], (kind, called)


@pytest.mark.parametrize("name", RENDERED)
def test_secrets_are_named_and_never_contained(name):
    assert [key for key in RENDERED[name] if key[0] in ("Secret", "ConfigMap")] == []
    secret = re.compile(r"(PASSWORD|SECRET|KEY)$")
    for row in PODS:
        for container in row.values[1]["containers"]:
            given = [
                variable["name"]
                for variable in container["env"]
                if "value" in variable and secret.search(variable["name"])
            ]
            assert given == []


def test_the_page_and_the_notes_name_every_secret_that_must_exist():
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    notes = (CHART / "templates" / "NOTES.txt").read_text(encoding="utf-8")
    named = set()
    for name in ("tocsin-worker", "tocsin-console"):
        pod = PRODUCTION["Deployment", name]["spec"]["template"]["spec"]
        named |= {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        named |= {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
        for variable in container_of(PRODUCTION, name)["env"]:
            if "secretKeyRef" in variable.get("valueFrom", {}):
                named.add(variable["valueFrom"]["secretKeyRef"]["name"])
    assert len(named) == 7
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []
    values = load_yaml((CHART / "values.yaml").read_text(encoding="utf-8"))
    given = {**values, **values["brokers"], **values["worker"], **values["console"]}
    given = {key: value for key, value in given.items() if key.endswith(("Secret", "ConfigMap"))}
    assert set(given.values()) | {values["worker"]["passwordSecret"]} == named
    assert [key for key in given if f"{key} }}}}" not in notes] == []


@pytest.mark.parametrize(("made_by", "pod"), TOCSIN_PODS)
def test_settings_and_commands_are_valid(made_by, pod):
    (container,) = pod["containers"]
    variables = environment(container)
    load_settings({key: value for key, value in variables.items() if key.startswith(PREFIX)})
    own = load_console_settings({k: v for k, v in variables.items() if k.startswith(CONSOLE_PREFIX)})
    assert CliRunner().invoke(commands, [*container["args"], "--help"]).exit_code == 0
    # Everything a variable names is mounted, and everything mounted is used.
    mounted = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
    files = {value.rpartition("/")[0] for value in variables.values() if value.startswith("/")}
    assert files == mounted
    assert {m["name"] for m in container.get("volumeMounts", [])} == {
        v["name"] for v in pod.get("volumes", [])
    }
    if made_by["kind"] == "Deployment" and container["args"] == ["console"]:
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"pages": own.port, "metrics": own.metrics_port}
        # Without sign-in it serves on loopback only, which `kubectl port-forward` reaches.
        assert (own.sign_in, own.host) in {("openid", "0.0.0.0"), ("none", "127.0.0.1")}


def test_people_can_sign_in_to_the_console_of_production(tmp_path):
    files = {
        "/etc/tocsin/sign-in/client-secret": "any",
        "/etc/tocsin/sign-in/session-secret": "x" * 32,
        "/etc/tocsin/people/people.yaml": "people: [{subject: s, ref: desk-7, role: desk}]",
    }
    variables = environment(container_of(PRODUCTION, "tocsin-console"))
    for place, text in files.items():
        (name,) = [name for name, value in variables.items() if value == place]
        file = tmp_path / place.rpartition("/")[2]
        file.write_text(text)
        variables[name] = str(file)
    access = load_access(
        load_console_settings({k: v for k, v in variables.items() if k.startswith(CONSOLE_PREFIX)}),
        built_in_categories(),
    )
    assert access.encrypted and len(access.people.now().all()) == 1


def test_pods_run_as_the_user_of_the_image():
    dockerfile = (ROOT / "deploy/container/Dockerfile").read_text(encoding="utf-8")
    (user,) = re.findall(r"^USER (\d+):\d+$", dockerfile, re.MULTILINE)
    for row in TOCSIN_PODS:
        assert row.values[1]["securityContext"]["runAsUser"] == int(user)


@pytest.mark.parametrize("name", [name for name in RENDERED if name != "helm-other"])
def test_probes_and_scrapes_use_the_ports_of_the_settings(name):
    worker = container_of(RENDERED[name], "tocsin-worker")
    settings = load_settings({k: v for k, v in environment(worker).items() if k.startswith(PREFIX)})
    assert worker["ports"] == [{"name": "metrics", "containerPort": settings.http_port}]
    for deployment in ("tocsin-worker", "tocsin-console"):
        container = container_of(RENDERED[name], deployment)
        paths = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
        assert {probe["port"] for probe in paths.values()} == {"metrics"}
        assert [paths[kind]["path"] for kind in ("startup", "readiness", "liveness")] == [
            "/livez",
            "/readyz",
            "/livez",
        ]
        service = RENDERED[name]["Service", deployment]
        assert "metrics" in {port["name"] for port in service["spec"]["ports"]}
    # The names by which the rules find the jobs.
    labels = [
        RENDERED[name]["Service", called]["metadata"]["labels"]
        for called in ("tocsin-worker", "tocsin-console")
    ]
    assert [row["app.kubernetes.io/name"] for row in labels] == ["tocsin", "tocsin-console"]


def test_the_service_monitor_finds_both_services():
    monitor = PRODUCTION["ServiceMonitor", "tocsin"]["spec"]
    assert monitor["jobLabel"] == "app.kubernetes.io/name"
    chosen = [
        called
        for (kind, called), found in PRODUCTION.items()
        if kind == "Service"
        and monitor["selector"]["matchLabels"].items() <= found["metadata"]["labels"].items()
    ]
    assert sorted(chosen) == ["tocsin-console", "tocsin-worker"]


def test_a_worker_may_stop_and_hang_for_as_long_as_it_says():
    deployment = PRODUCTION["Deployment", "tocsin-worker"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["terminationGracePeriodSeconds"] > TRANSACTION_SECONDS
    liveness = container["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > load_settings({}).watchdog_seconds
    # Two pods never have one instance name.
    (instance,) = [row for row in container["env"] if row["name"] == "TOCSIN_INSTANCE"]
    assert instance["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_the_trial_uses_the_broker_of_docker_compose():
    compose = load_yaml((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["kafka"]
    (kafka,) = TRIAL["StatefulSet", "kafka"]["spec"]["template"]["spec"]["containers"]
    assert kafka["image"] == compose["image"]
    here, there = environment(kafka), compose["environment"]
    assert here.keys() == there.keys()
    addresses = {name for name in there if "LISTENERS" in name or "PROTOCOL_MAP" in name or "VOTERS" in name}
    assert {n: v for n, v in here.items() if n not in addresses} == {
        n: str(v) for n, v in there.items() if n not in addresses
    }
    settings = load_settings(environment(container_of(TRIAL, "tocsin-console")))
    assert f"PLAINTEXT://{settings.kafka_bootstrap}" == here["KAFKA_ADVERTISED_LISTENERS"]


def test_images_have_the_version_of_tocsin():
    chart = load_yaml((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__
    for name in ("tocsin-worker", "tocsin-console"):
        assert container_of(PRODUCTION, name)["image"] == f"images.example.org/tocsin:{__version__}"


def test_there_is_a_kafka_topic_for_every_topic_with_its_settings():
    assert {name for _, name in TOPICS_DECLARED} == set(TOPICS)
    for name, topic in load_catalogue().items():
        spec = TOPICS_DECLARED["KafkaTopic", name]["spec"]
        assert TOPICS_DECLARED["KafkaTopic", name]["apiVersion"] == STRIMZI
        # As `tocsin topics check` compares them.
        assert {key: str(value) for key, value in spec["config"].items()} == topic.settings(
            MIN_INSYNC_REPLICAS
        )
        assert spec["partitions"] == (PARTITIONS if topic.partitions == "source" else topic.partitions)


def test_users_may_do_what_the_test_of_rights_grants():
    users = USERS | USERS_FOR_PEOPLE
    granted = {
        name: {
            (acl["resource"]["type"], acl["resource"]["name"], acl["resource"]["patternType"], operation)
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
        }
        for (_, name), user in users.items()
    }
    # tests/kafka/test_rights.py grants ROLES on a real broker and does the work of each.
    assert granted == {
        f"tocsin-{role.name}": {
            (right.resource, right.name, "prefix" if right.prefixed else "literal", operation)
            for right in role.rights
            for operation in right.operations
        }
        for role in ROLES
    }
    assert {name for _, name in USERS} == {f"tocsin-{r.name}" for r in ROLES if r.standing}


@pytest.mark.parametrize("deployment", ["tocsin-worker", "tocsin-console"])
def test_production_signs_in_as_the_users_that_strimzi_makes(deployment):
    variables = environment(container_of(PRODUCTION, deployment))
    user = variables["TOCSIN_KAFKA_SASL_USERNAME"]
    assert ("KafkaUser", user) in USERS
    (password,) = [
        row["valueFrom"]["secretKeyRef"]
        for row in container_of(PRODUCTION, deployment)["env"]
        if row["name"] == "TOCSIN_KAFKA_SASL_PASSWORD"
    ]
    assert password == {"name": user, "key": "password"}


def test_the_alerts_are_those_of_prometheus():
    rules = load_yaml((ROOT / "deploy/prometheus/rules/tocsin.yaml").read_text(encoding="utf-8"))
    assert ALERTS["PrometheusRule", "tocsin"]["spec"] == rules
    assert load_yaml((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8")) == rules


SCALER = PRODUCTION["ScaledObject", "tocsin-worker"]["spec"]
QUERIES = {trigger["name"]: trigger["metadata"]["query"] for trigger in SCALER["triggers"]}


def test_scaling_stays_within_the_partitions_and_leaves_the_number_to_keda():
    assert (SCALER["minReplicaCount"], SCALER["maxReplicaCount"]) == (2, PARTITIONS)
    variables = environment(container_of(PRODUCTION, "tocsin-worker"))
    assert load_settings(variables).partitions == PARTITIONS
    assert SCALER["scaleTargetRef"]["name"] == "tocsin-worker"
    assert "replicas" not in PRODUCTION["Deployment", "tocsin-worker"]["spec"]
    exposed = {metric.name for metric in CATALOGUE + CONSOLE_CATALOGUE} | {"process_cpu_seconds_total"}
    assert [name for query in QUERIES.values() for name in metrics(query) if name not in exposed] == []


@pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed: it comes with Debian's package `prometheus`"
)
def test_scaling_follows_the_lag_that_more_workers_can_shorten(tmp_path):
    rules = {
        "groups": [
            {
                "name": "g",
                "rules": [{"record": f"asked:{name}", "expr": query} for name, query in QUERIES.items()],
            }
        ]
    }
    place = (
        '{{job="tocsin", instance="pod-{pod}", stage="reports", topic="message-reports", '
        'partition="{partition}"}}'
    )
    own = '{{job="tocsin", instance="pod-{pod}", stage="reports", partition="{partition}"}}'

    def lag(pod, partition, seconds):
        return {
            "series": "tocsin_lag_seconds" + place.format(pod=pod, partition=partition),
            "values": seconds,
        }

    def mark(metric, pod, partition):
        labels = own if metric == "tocsin_partition_set_aside" else place
        return {"series": metric + labels.format(pod=pod, partition=partition), "values": "1x20"}

    cpu = [
        {"series": f'process_cpu_seconds_total{{job="{job}", instance="{pod}"}}', "values": "0+45x20"}
        for job, pod in (("tocsin", "a"), ("tocsin", "b"), ("tocsin-console", "c"))
    ]
    # Five minutes after which three quarters of a core are busy in each of two workers.
    cases = [
        ([lag(0, 0, "0x20"), lag(1, 1, "90x20")], [90]),
        ([lag(0, 0, "3x20"), lag(1, 1, "90x20"), mark("tocsin_partition_set_aside", 1, 1)], [3]),
        ([lag(0, 0, "3x20"), lag(1, 1, "90x20"), mark("tocsin_source_resting", 1, 1)], [3]),
        # No scrape: no answer, so that nothing is scaled.
        ([], []),
    ]
    tests = [
        {
            "interval": "1m",
            "input_series": series + cpu,
            "promql_expr_test": [
                {
                    "expr": "asked:lag",
                    "eval_time": "10m",
                    "exp_samples": [{"labels": "asked:lag", "value": v} for v in values],
                },
                {
                    "expr": "asked:busy",
                    "eval_time": "10m",
                    "exp_samples": [{"labels": "asked:busy", "value": 1.5}],
                },
            ],
        }
        for series, values in cases
    ]
    (tmp_path / "rules.yaml").write_text(dump_yaml(rules))
    (tmp_path / "tests.yaml").write_text(dump_yaml({"rule_files": ["rules.yaml"], "tests": tests}))
    done = subprocess.run(
        [PROMTOOL, "test", "rules", "tests.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
