"""The file of saved state: what was written is read, and nothing else passes for it."""

import gzip
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.commands.state.save_file import BadStateFile, Header, new_state_file
from tests.unit.saved_state import read_file, write_file

ENTRIES = [{b"a": b"1" * 300, b"b": b""}, {}, {bytes([n]) * 5: bytes([n]) * n for n in range(200)}]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_file(tmp_path / "state", {"reports": ENTRIES})


def test_what_was_written_is_read(file: Path) -> None:
    header, found = read_file(file)
    assert [entries for _, entries in found["reports"]] == ENTRIES
    assert [section.position["message-reports"].next_offset for section, _ in found["reports"]] == [7, 8, 9]
    assert header.stages[0].partitions == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_equal_state_gives_equal_bytes(file: Path, tmp_path: Path) -> None:
    assert write_file(tmp_path / "other", {"reports": ENTRIES}).read_bytes() == file.read_bytes()


def test_a_file_is_not_overwritten_and_a_failure_leaves_none(file: Path) -> None:
    content = file.read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        write_file(file, {"reports": [{}]})
    assert file.read_bytes() == content
    new = file.with_name("new")
    with pytest.raises(KeyError), new_state_file(new, Header(1, "", None, ())):
        raise KeyError
    assert list(file.parent.iterdir()) == [file]
    file.with_name("new.part").touch()
    with pytest.raises(FileExistsError, match=r"new.part exists: another command"):
        write_file(new, {"reports": [{}]})


def test_a_file_made_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with pytest.raises(FileExistsError), new_state_file(path, Header(1, "", None, ())):
        path.write_text("mine")
    assert path.read_text() == "mine"


@settings(max_examples=40)
@given(data=st.data())
def test_no_changed_byte_and_no_shorter_file_passes(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    whole = gzip.decompress(write_file(folder / "state", {"reports": ENTRIES}).read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(changed), whole[:place], whole + b"\n"):
        path = folder / "damaged"
        path.write_bytes(gzip.compress(damaged))
        with pytest.raises(BadStateFile):
            read_file(path)


def test_a_truncated_or_foreign_file_is_refused(file: Path) -> None:
    content = file.read_bytes()
    deep = gzip.compress(b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n")
    for damaged in (deep, content[:-9], content[: len(content) // 2], b"", b"text", gzip.compress(b"{}\n")):
        file.write_bytes(damaged)
        with pytest.raises(BadStateFile):
            read_file(file)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    with new_state_file(tmp_path / "state", Header(3, "9.0", None, ())):
        pass
    with pytest.raises(BadStateFile, match="of version 3; this version of Tocsin reads versions 1 and 2"):
        read_file(tmp_path / "state")
