"""The sets of rules that this process has ready, as stages that are handed to partitions."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

from streams.deciding.partition.rules_in_force import Ruling
from streams.deciding.partition.stage import Stage
from streams.registry.rules import Rules

AnyStage = Stage[Any, Any, Any]
MakeStages = Callable[[Rules], Iterable[AnyStage]]


class _Row(dict[str | None, AnyStage]):
    """The stages of one name by their rules. Notes which rules were asked for in vain."""

    def __init__(self, missed: dict[str, None]) -> None:
        super().__init__()
        self._missed = missed

    def __missing__(self, rule_set: str | None) -> AnyStage:
        if rule_set is not None:
            self._missed.pop(rule_set, None)
            self._missed[rule_set] = None
        raise KeyError(rule_set)


class Shelf:
    """Sets of rules, each loaded, tried and compiled. None is the id of the installation's files.

    `missed` are sets that a partition needed and that were not there, the last one asked for at the end.
    """

    def __init__(self, make_stages: MakeStages, files: Rules) -> None:
        self.missed: dict[str, None] = {}
        self._make = make_stages
        self._rows: dict[str, _Row] = {}
        self._rules: dict[str | None, Rules] = {}
        self.put(None, files)

    def put(self, rule_set: str | None, rules: Rules) -> None:
        """Make a set ready. Raises ValueError for rules that a stage cannot be made of."""
        made = list(self._make(rules))
        for stage in made:
            row = self._rows.setdefault(stage.name, _Row(self.missed))
            row[rule_set] = replace(stage, ruling=Ruling(rule_set), shelf=row)
        self._rules[rule_set] = rules

    def __contains__(self, rule_set: str | None) -> bool:
        """Whether a set is ready."""
        return rule_set in self._rules

    def rules(self, rule_set: str | None) -> Rules:
        """Return the rules of a set that is ready."""
        return self._rules[rule_set]

    def keep(self, needed: Collection[str]) -> None:
        """Forget other sets. A partition that is judged by one keeps its stage."""
        for gone in [each for each in self._rules if each is not None and each not in needed]:
            del self._rules[gone]
            for row in self._rows.values():
                row.pop(gone, None)

    def stages(self) -> list[AnyStage]:
        """Return the stages with the rules of the installation's files."""
        return [row[None] for row in self._rows.values()]
