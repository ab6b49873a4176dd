"""Signs of a brigade of accounts without history: how a channel's latest reports arrived, and from whom."""

from typing import Final, NamedTuple

import msgspec

from streams.contract.wire.times import HOUR, MINUTE

# Six hours: a call for reports is followed within hours, and of the reports of one hour there would be so few
# that the shares jump. In the evaluation a brigade of 100 that took six hours was otherwise missed for
# minutes at a time.
SPAN_HOURS: Final = 6
BUCKET_MS: Final = 30 * MINUTE
BUCKETS: Final = SPAN_HOURS * HOUR // BUCKET_MS

# The channel's own rate is a moving average over about 256 hours, ten days: a weekend does not look like an
# attack, and an attack of a day moves it by a tenth of itself.
_MEMORY_BITS: Final = 8
# Reports per hour are kept in 1/1024.
_FRACTION_BITS: Final = 10
# After so many hours without a report the average of any channel has faded below one in a thousand of what it
# was.
_LONGEST_GAP: Final = 2_000

# A sample of an hour's reporters, those with the smallest hashes, with the number of messages that each
# reported.
SAMPLE: Final = 32
# At the turn of an hour the sample is one person: of so few a share says nothing (as in
# counting/coordination/assessment.py).
LEAST_SAMPLED: Final = 10
# From the third message in an hour on, a reporter goes through the channel; two may be about one quarrel.
MANY_MESSAGES: Final = 3

# The reporters of SPAN_HOURS whose further reports are recognised. Beyond them the reporter counted longest
# ago is forgotten and counts again: to be counted twice an attacker needs more accounts than this, and with
# so many there is no need to. 512 are 7 KB in the state of a channel, and only of one with so many reporters.
COUNTED: Final = 512

# Numbers of a row before those of its categories.
_FIXED: Final = 5


class Signs(NamedTuple):
    """The last SPAN_HOURS of a channel.

    Shares are of its `reporters`; `usual` is its own average in such a time. `first_time` reporters have no
    outcome yet, `young` accounts are under a week old, `outsiders` are not members. `repeating` is the share
    of the sampled reporters of this hour who reported at least MANY_MESSAGES messages in it, 0 of fewer than
    LEAST_SAMPLED. `disagreement` is the share of those who name another category than most do. A reporter is
    counted with the first report alone, so that no account can make shares or a burst of its own.
    """

    reporters: int
    usual: float
    first_time: float
    young: float
    outsiders: float
    repeating: float
    disagreement: float


class Arrivals(msgspec.Struct, array_like=True):
    """The reporters of a channel by half an hour, for SPAN_HOURS, and their average rate.

    `bucket` is the newest bucket (index since the epoch); `recent` has a row [age, reporters, first-time,
    young, outsiders] per bucket with reporters, newest last, where age counts buckets back to `bucket`. After
    these five a row has the code of each category that was named, and how often; rows of version 0.1 do not,
    and up to 0.2 rows count reports. `hour` is the hour up to which `average` is complete, `of_hour` the
    reporters since. `sampled`: messages by reporter in hour `sampled_hour`. `counted`: the bucket in which
    each reporter of the rows is, in the order of counting.
    """

    bucket: int = 0
    recent: list[list[int]] = msgspec.field(default_factory=list)
    hour: int = 0
    average: int = 0
    of_hour: int = 0
    sampled_hour: int = 0
    sampled: dict[int, int] = msgspec.field(default_factory=dict)
    counted: dict[int, int] = msgspec.field(default_factory=dict)

    def add(
        self,
        time_ms: int,
        reporter: int,
        category: int,
        *,
        first_time: bool,
        young: bool,
        outsider: bool,
    ) -> None:
        """Add a report.

        `time_ms` is the partition's time, which never goes back. `reporter` is a keyed hash, `category` a
        code.
        """
        if time_ms // BUCKET_MS != self.bucket:
            self._move_to(time_ms)
        self._sample(time_ms // HOUR, reporter)
        if reporter in self.counted:
            return
        self.counted[reporter] = self.bucket
        if len(self.counted) > COUNTED:
            del self.counted[next(iter(self.counted))]
        if not self.recent or self.recent[-1][0]:
            self.recent.append([0, 0, 0, 0, 0])
        row = self.recent[-1]
        row[1] += 1
        row[2] += first_time
        row[3] += young
        row[4] += outsider
        for place in range(_FIXED, len(row), 2):
            if row[place] == category:
                row[place + 1] += 1
                break
        else:
            row += (category, 1)
        self.of_hour += 1

    def totals(self) -> tuple[int, int, int]:
        """Return how many reporters the rows have, and of them those with young accounts and outsiders.

        That is what most reports need; `signs` takes five times as long.
        """
        reporters = young = outsiders = 0
        for row in self.recent:
            reporters += row[1]
            young += row[3]
            outsiders += row[4]
        return reporters, young, outsiders

    def signs(self) -> Signs:
        """Return the signs of the time that ends with the newest report."""
        reporters = first_time = young = outsiders = 0
        named: dict[int, int] = {}
        for _, of_row, first, fresh, outside, *categories in self.recent:
            reporters += of_row
            first_time += first
            young += fresh
            outsiders += outside
            for place in range(0, len(categories), 2):
                category = categories[place]
                named[category] = named.get(category, 0) + categories[place + 1]
        if not reporters:
            return Signs(0, self.usual, 0.0, 0.0, 0.0, 0.0, 0.0)
        repeating = sum(count >= MANY_MESSAGES for count in self.sampled.values())
        return Signs(
            reporters,
            self.usual,
            first_time / reporters,
            young / reporters,
            outsiders / reporters,
            repeating / len(self.sampled) if len(self.sampled) >= LEAST_SAMPLED else 0.0,
            1 - max(named.values()) / sum(named.values()) if len(named) > 1 else 0.0,
        )

    def is_after(self, time_ms: int) -> bool:
        """Tell whether the newest report came after the half hour of `time_ms`."""
        return self.bucket > time_ms // BUCKET_MS

    @property
    def usual(self) -> float:
        """The channel's average number of reporters in SPAN_HOURS, up to the end of the last full hour."""
        return SPAN_HOURS * self.average / (1 << _FRACTION_BITS)

    def _move_to(self, time_ms: int) -> None:
        bucket, hour = time_ms // BUCKET_MS, time_ms // HOUR
        if bucket > self.bucket:
            passed = bucket - self.bucket
            for row in self.recent:
                row[0] += passed
            self.recent = [row for row in self.recent if row[0] < BUCKETS]
            first = bucket - BUCKETS + 1
            self.counted = {one: when for one, when in self.counted.items() if when >= first}
            self.bucket = bucket
        if not self.hour:
            self.hour = hour
        if hour - self.hour > _LONGEST_GAP:
            self.hour = hour
            self.average = self.of_hour = 0
        while self.hour < hour:
            self.average += ((self.of_hour << _FRACTION_BITS) - self.average) >> _MEMORY_BITS
            self.of_hour = 0
            self.hour += 1

    def _sample(self, hour: int, reporter: int) -> None:
        sampled = self.sampled
        if hour != self.sampled_hour:
            self.sampled_hour = hour
            sampled.clear()
        if reporter in sampled:
            sampled[reporter] += 1
            return
        if len(sampled) == SAMPLE:
            largest = max(sampled)
            if reporter > largest:
                return
            del sampled[largest]
        sampled[reporter] = 1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Arrivals).decode


def encode_arrivals(arrivals: Arrivals) -> bytes:
    """Return the state as bytes."""
    return _encode(arrivals)


def decode_arrivals(data: bytes | memoryview) -> Arrivals:
    """Decode the bytes of `encode_arrivals`. Raises msgspec.DecodeError for damaged bytes."""
    return _decode(data)
