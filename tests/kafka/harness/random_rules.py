"""People who change the rules again and again, at random: other sets, candidates in shadow or for a share, and back."""

from collections.abc import Callable, Mapping
from random import Random

from click import ClickException

from streams.registry.changes.history import RuleHistory
from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.rule_acts import ALICE, BOB, RuleActs

# A threshold that episodes of the traffic reach, and one of a policy that nearly none does.
_CHANGES = (
    ("distinct_reporters: 10, risk: 0.15", "distinct_reporters: {}, risk: 0.15"),
    ("PT6H", "PT{}H"),
)
# None is what is there already.
_NUMBERS = (3, 4, 5, 7, 8)


class RandomRules:
    """Call `change` from time to time; the deployment's acts must be unsigned."""

    def __init__(self, deployment: Deployment, chance: Random) -> None:
        self._acts = RuleActs(deployment.settings)
        self._chance = chance
        self._acts.put_into_force()

    def change(self) -> str:
        """Act once, and say what was done. An act that lost a race with a worker's does not count."""
        history = self._acts.history()
        does, act = self._chance.choice([*self._possible(history).items()])
        try:
            act()
        except ClickException as error:
            return f"{does}: {error.message}"
        return does

    def _possible(self, history: RuleHistory) -> Mapping[str, Callable[[], None]]:
        trial = history.trial
        if trial is not None:
            return {
                "end the trial": lambda: self._acts.act(BOB, "ended", trial.rule_set),
                "approve what is tried": lambda: self._acts.act(BOB, "approved", trial.rule_set),
                "try it for half": lambda: self._acts.act(BOB, "approved", trial.rule_set, share=50),
            }
        before = history.before
        back = {} if before is None else {"roll back": lambda: self._acts.act(BOB, "rolled_back", before)}
        return back | {
            "approve other rules": lambda: self._act("approved"),
            "try rules in shadow": lambda: self._act("shadowed"),
            "try rules for a tenth": lambda: self._act("approved", share=10),
            "try rules for half": lambda: self._act("approved", share=50),
        }

    def _act(self, kind: str, **fields: object) -> None:
        old, new = self._chance.choice(_CHANGES)
        rule_set = self._acts.propose(old, new.format(self._chance.choice(_NUMBERS)))
        self._acts.act(ALICE if kind == "shadowed" else BOB, kind, rule_set, **fields)
