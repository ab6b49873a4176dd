"""The crowd of a partition, with what nothing that is published says: who was ever linked to somebody."""

from streams.counting.coordination.clusters import Clusters
from streams.counting.message_store import MessageStore
from streams.deciding.reports.crowd import Crowd


class WatchedCrowd(Crowd):
    """Notes which reporters were ever in a cluster of two or more, by hash; nothing that is published says it."""

    __slots__ = ("_alone", "_before", "_changed", "linked_reporters")

    def __init__(self) -> None:
        super().__init__(MessageStore())
        self.linked_reporters: set[int] = set()
        # By message and signature.
        self._alone: dict[tuple[bytes, bytes], int] = {}
        self._before: list[bytes] = []
        self._changed: tuple[bytes, Clusters] | None = None

    def clusters_of(self, key: bytes) -> Clusters:
        clusters = super().clusters_of(key)
        self._before = [one.signature for one in clusters.alone]
        return clusters

    def put_clusters(self, key: bytes, clusters: Clusters, now: int) -> None:
        super().put_clusters(key, clusters, now)
        self._changed = key, clusters

    def note_link(self, now: int, reporter: int, group: int | None) -> None:
        super().note_link(now, reporter, group)
        if self._changed is None:
            return
        (key, clusters), self._changed = self._changed, None
        if group is None:
            self._alone[key, clusters.alone[-1].signature] = reporter
            return
        self.linked_reporters.add(reporter)
        if clusters.groups[-1].size == 2:
            left = [one.signature for one in clusters.alone]
            founder = next(one for one in self._before if self._before.count(one) > left.count(one))
            self.linked_reporters.add(self._alone[key, founder])
