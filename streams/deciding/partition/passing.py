"""What a batch passes on to other partitions, as bundles and plain records in the order of application."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from streams.contract.wire.bundle import MOST_BYTES, MOST_ENTRIES, BundleForm
from streams.contract.wire.records import OutputRecord, bytes_on_the_wire
from streams.deciding.partition.home import HomePartitions

# What is distributed between two turns of the event loop: hashing, grouping and encoding take 1.5 us each.
_PER_PART = 1_000

# Form (None for a plain record), where to (a partition, or None for that of the key), key (the hash of a
# reporter or the ref of a channel), bytes, and the entry or record.
_Passed = tuple[BundleForm[Any] | None, int | None, int | str, int, Any]


class _OpenBundle:
    __slots__ = ("entries", "form", "size")

    def __init__(self, form: BundleForm[Any]) -> None:
        self.form = form
        self.entries: list[Any] = []
        self.size = 0


class PassedOn:
    """Collects what a batch passes on. For each destination the order stays that of application.

    So a plain record, or an entry of another form, ends the bundle of its destination: a credit must not
    overtake the reports of its reporter that came before it. `size` is about the bytes that will be written.
    Homes are found for many at once: hashing one key in Python takes 6 us, and most reporters are not met
    twice in a batch.
    """

    __slots__ = ("_homes", "_open", "_passed", "size")

    def __init__(self, homes: HomePartitions) -> None:
        self._homes = homes
        self._passed: list[_Passed] = []
        self._open: dict[tuple[str, int], _OpenBundle] = {}
        self.size = 0

    def entry(self, form: BundleForm[Any], key: int | str, size: int, entry: Any) -> None:
        """Pass on an entry of about `size` bytes to the home of a reporter (hash) or of a channel (ref)."""
        self._passed.append((form, None, key, size, entry))
        self.size += size

    def encoded(
        self, forms: Sequence[BundleForm[Any]], entries: Sequence[tuple[int, int, int, bytes]]
    ) -> None:
        """Pass on entries that are encoded: each with the place of its form, its home, and its size."""
        raw = msgspec.Raw
        self._passed += [(forms[form], home, 0, size, raw(entry)) for form, home, size, entry in entries]
        self.size += sum(size for _, _, size, _ in entries)

    def record(self, record: OutputRecord, home_of: int | str = 0) -> None:
        """Pass on a plain record; without a partition it goes to the home of a reporter or channel.

        `home_of` is the hash or the ref.
        """
        size = bytes_on_the_wire(record.key, record.value, record.headers)
        self._passed.append((None, record.partition, home_of, size, record))
        self.size += size

    def drain(self) -> Iterator[list[OutputRecord]]:
        """Yield the records to write, in parts of a few milliseconds."""
        passed, self._passed, self.size = self._passed, [], 0
        for begin in range(0, len(passed), _PER_PART):
            yield list(self._distributed(passed[begin : begin + _PER_PART]))
        for topic, home in list(self._open):
            yield list(self._ended(topic, home))

    def _distributed(self, passed: list[_Passed]) -> Iterator[OutputRecord]:
        bundles = self._open
        keys = [key for _, home, key, _, _ in passed if home is None]
        of_reporters = iter(self._homes.of_hashes([key for key in keys if isinstance(key, int)]))
        of_channels = iter(self._homes.of_refs([key for key in keys if isinstance(key, str)]))
        for form, known, key, size, payload in passed:
            home = next(of_reporters if isinstance(key, int) else of_channels) if known is None else known
            if form is None:
                yield from self._ended(payload.topic, home)
                yield payload._replace(partition=home)
                continue
            destination = form.topic, home
            bundle = bundles.get(destination)
            if bundle is not None and (
                bundle.form is not form
                or len(bundle.entries) >= MOST_ENTRIES
                or bundle.size + size > MOST_BYTES
            ):
                yield from self._ended(*destination)
                bundle = None
            if bundle is None:
                bundle = bundles[destination] = _OpenBundle(form)
            bundle.entries.append(payload)
            bundle.size += size

    def _ended(self, topic: str, home: int) -> Iterator[OutputRecord]:
        bundle = self._open.pop((topic, home), None)
        if bundle is not None:
            yield bundle.form.record(home, self._homes.partitions, bundle.entries)
