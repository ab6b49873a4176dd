"""What a batch of records changed, so that open pages can be told."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Changes:
    """The ids of what changed, by kind. `channels` are those whose clocks changed."""

    cases: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    integrity_cases: set[str] = field(default_factory=set)
