"""Records in blocks of bytes, for what there are most of.

A record of its own in a dict takes 130 bytes beside key and value. Here it takes some 15: three for lengths,
the rest for its share of a block.
"""

import struct
from collections.abc import Iterator
from typing import Final

from streams.counting.expiry import EXPIRY_DAY, day_in

# Up to this size Python allocates without a header of its own and uses again what was freed. With blocks of
# half the size a record takes ten bytes more; with twice the size changing one takes a quarter longer.
_BLOCK: Final = 512
# What is larger stays an object of its own: every change of its neighbours would copy it.
_LARGEST: Final = 1_000
_LONGEST_NAME: Final = 255

# Before each record: the number of bytes of header, name and record, and of the name alone.
_LENGTHS: Final = struct.Struct("<HB")
_HEADER: Final = _LENGTHS.size

# What Python takes in addition: for a block with its place in a list; for a key with its place in a dict.
_BLOCK_OVERHEAD: Final = 50
_KEY_OVERHEAD: Final = 130

_NUL: Final = b"\0"


class PackedRecords:
    """Records by key, which is a group (a type and a channel), NUL, and a name (a message).

    Each group is kept once, with the records of its names. `memory` is about the number of bytes that all of
    it takes.

    The blocks of a group grow one by one (linear hashing; Litwin, VLDB 1980), so no report waits until all
    are arranged anew. Python's hash of bytes has a secret key for each process: nobody can choose refs that
    all fall into one block.
    """

    __slots__ = ("_groups", "_large", "_number", "memory")

    def __init__(self) -> None:
        # A single block stands for itself: most channels need no more.
        self._groups: dict[bytes, bytes | list[bytes]] = {}
        self._large: dict[bytes, bytes] = {}
        self._number = 0
        self.memory = 0

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[bytes]:
        """Yield all keys; records may change meanwhile."""
        for group in list(self._groups):
            prefix = group + _NUL
            for block in self._blocks(group):
                yield from [prefix + name for name, _, _ in _entries(block)]
        yield from list(self._large)

    def get(self, key: bytes) -> bytes | None:
        """Return the record of a key; None without one."""
        # Every report looks for a record and stores it. A function for the steps that this and `put` have in
        # common would take as long as the steps.
        group, _, name = key.partition(_NUL)
        found = self._groups.get(group)
        if found is not None:
            if isinstance(found, list):
                number = len(found)
                bit = 1 << number.bit_length() - 1
                place = hash(key) & bit + bit - 1
                block = found[place if place < number else place - bit]
            else:
                block = found
            # Most names that are not here are not among the bytes either, and that is found out faster.
            if block.find(name) >= 0 and (at := _find(block, name)) >= 0:
                return block[at + _HEADER + len(name) : at + block[at] + (block[at + 1] << 8)]
        return self._large.get(key) if self._large else None

    def put(self, key: bytes, value: bytes) -> bytes | None:
        """Store the record of a key; return the one that it replaces, None if there was none."""
        group, _, name = key.partition(_NUL)
        if len(value) > _LARGEST or len(name) > _LONGEST_NAME:
            before = self.pop(key)
            self._large[key] = value
            self._number += 1
            self.memory += len(key) + len(value) + _BLOCK_OVERHEAD + _KEY_OVERHEAD
            return before
        before = self.pop(key) if self._large and key in self._large else None
        length = _HEADER + len(name) + len(value)
        entry = _LENGTHS.pack(length, len(name)) + name + value
        found = self._groups.get(group)
        if found is None:
            self._groups[group] = entry
            self._number += 1
            self.memory += length + _BLOCK_OVERHEAD + _KEY_OVERHEAD + len(group)
            return before
        blocks, place = None, 0
        if isinstance(found, list):
            blocks = found
            number = len(blocks)
            bit = 1 << number.bit_length() - 1
            place = hash(key) & bit + bit - 1
            if place >= number:
                place -= bit
            block = blocks[place]
        else:
            block = found
        at = -1 if block.find(name) < 0 else _find(block, name)
        if at < 0:
            self._number += 1
            self.memory += length
            block += entry
        else:
            end = at + block[at] + (block[at + 1] << 8)
            before = block[at + _HEADER + len(name) : end]
            self.memory += length - (end - at)
            block = block[:at] + entry + block[end:]
        if blocks is not None:
            blocks[place] = block
        else:
            self._groups[group] = block
        if at < 0 and len(block) > _BLOCK:
            if blocks is None:
                blocks = self._groups[group] = [block]
            _grow(group + _NUL, blocks)
            self.memory += _BLOCK_OVERHEAD
        return before

    def pop(self, key: bytes) -> bytes | None:
        """Remove the record of a key and return it; None if there is none."""
        value = self._large.pop(key, None)
        if value is not None:
            self._number -= 1
            self.memory -= len(key) + len(value) + _BLOCK_OVERHEAD + _KEY_OVERHEAD
            return value
        group, _, name = key.partition(_NUL)
        found = self._groups.get(group)
        if found is None:
            return None
        blocks = [found] if isinstance(found, bytes) else found
        place = _place(key, len(blocks))
        block = blocks[place]
        at = _find(block, name)
        if at < 0:
            return None
        end = at + block[at] + (block[at + 1] << 8)
        value = block[at + _HEADER + len(name) : end]
        self._number -= 1
        self.memory -= end - at
        blocks[place] = block[:at] + block[end:]
        if not any(blocks):
            del self._groups[group]
            self.memory -= len(blocks) * _BLOCK_OVERHEAD + _KEY_OVERHEAD + len(group)
        elif isinstance(found, bytes):
            self._groups[group] = blocks[place]
        return value

    def of_group(self, group: bytes, part: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and records of a group, among them all whose bytes have `part`."""
        prefix = group + _NUL
        for block in self._blocks(group):
            if part in block:
                for name, begin, end in _entries(block):
                    yield prefix + name, block[begin:end]
        yield from [(key, value) for key, value in self._large.items() if key.startswith(prefix)]

    def dated(self) -> Iterator[tuple[bytes, int]]:
        """Yield every key with the day of expiry in its record; records may change meanwhile."""
        for group in list(self._groups):
            prefix = group + _NUL
            for block in self._blocks(group):
                for name, _, end in _entries(block):
                    yield prefix + name, EXPIRY_DAY.unpack_from(block, end - EXPIRY_DAY.size)[0]
        yield from [(key, day_in(value)) for key, value in self._large.items()]

    def _blocks(self, group: bytes) -> Iterator[bytes]:
        """Yield the blocks of a group, to which more may come meanwhile."""
        place = 0
        while (found := self._groups.get(group)) is not None:
            blocks = [found] if isinstance(found, bytes) else found
            if place >= len(blocks):
                return
            yield blocks[place]
            place += 1


def _place(key: bytes, blocks: int) -> int:
    """Return in which of so many blocks a key is."""
    bit = 1 << blocks.bit_length() - 1
    place = hash(key) & bit + bit - 1
    return place if place < blocks else place - bit


def _grow(prefix: bytes, blocks: list[bytes]) -> None:
    """Add a block, to which about half of the records of another one move."""
    number = len(blocks)
    bit = 1 << number.bit_length() - 1
    block = blocks[number - bit]
    stay: list[bytes] = []
    move: list[bytes] = []
    at = 0
    while at < len(block):
        end = at + block[at] + (block[at + 1] << 8)
        begin = at + _HEADER
        # The keys of a block have the lower bits in common.
        (move if hash(prefix + block[begin : begin + block[at + 2]]) & bit else stay).append(block[at:end])
        at = end
    blocks[number - bit] = b"".join(stay)
    blocks.append(b"".join(move))


def _find(block: bytes, name: bytes) -> int:
    """Return where the record of a name begins, with its header; -1 without one."""
    at, length, size = 0, len(block), len(name)
    while at < length:
        if block[at + 2] == size and block.startswith(name, at + _HEADER):
            return at
        at += block[at] + (block[at + 1] << 8)
    return -1


def _entries(block: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each name, and where its record begins and ends."""
    at = 0
    while at < len(block):
        begin = at + _HEADER + block[at + 2]
        end = at + block[at] + (block[at + 1] << 8)
        yield block[at + _HEADER : begin], begin, end
        at = end
