"""People who propose and approve sets of rules where acts are not signed, and the changes that they make."""

import asyncio
from collections.abc import Mapping

from streams.commands.rules.acting import act_on, reading, write
from streams.contract.events.rules.rule_change import RuleActor, RuleChange, RuleChangeKind
from streams.contract.events.rules.rule_set import FORMAT, RuleFile, RuleSet
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.rule_change_decoding import rule_change_record
from streams.contract.wire.rules.rule_set import rule_set_id, rule_set_record
from streams.registry.changes.bundle import rule_files
from streams.registry.changes.history import RuleHistory
from streams.running.worker.rule_changes.signing import Signer, made
from streams.running.worker.settings import load_settings

UNSIGNED = {"TOCSIN_RULE_APPROVALS": "unsigned"}
"""The setting of a deployment in which they act."""

ALICE = Signer(RuleActor("alice-7f3a", "policy_owner"), None)
BOB = Signer(RuleActor("bob-7f3a", "lead"), None)

_REASON = "a test"

# What commands leave to a worker, and other tests show: a process for each set costs a second and more.
HAVE_NO_TRIALS = """
from streams.running.worker.rule_changes import following
from streams.running.worker.rule_changes.trial import Verdict

_init = following.RuleFollower.__init__

def _without(self, *arguments, **options):
    _init(self, *arguments, **options)
    async def passes(rule_set, value):
        return Verdict((), 0.0)
    self._try = passes

following.RuleFollower.__init__ = _without
following.AGAIN_SECONDS = 1.0
"""


class RuleActs:
    """Acts in the log of a deployment with these settings, each on top of what is there. Alice proposes, and Bob approves."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = load_settings(settings)
        self.files = rule_files(**self._settings.registry_files())

    def history(self) -> RuleHistory:
        """What the log says now."""
        return asyncio.run(reading(self._settings).to_the_end())

    def propose(self, old: str = "", new: str = "") -> str:
        """Propose the installation's files, with another text in the policies; give the id of the set."""
        files = tuple(
            RuleFile(file.name, file.text.replace(old, new) if file.name == "policies.yaml" else file.text)
            for file in self.files
        )
        assert not old or files != self.files, f"{old} is in no policy"
        return self._propose(files)

    def propose_unchecked(self, name: str, text: str) -> str:
        """Propose the files with any text in one, and say that they were checked; give the id of the set."""
        return self._propose(
            tuple(RuleFile(name, text) if each.name == name else each for each in self.files)
        )

    def _propose(self, files: tuple[RuleFile, ...]) -> str:
        parent = None if (now := self.history().in_force) is None else now.rule_set
        # The command would refuse some of them.
        value = encode(RuleSet(FORMAT, parent, ALICE.actor.ref, _REASON, files))
        rule_set = rule_set_id(value)
        asyncio.run(write(self._settings, rule_set_record(value, 0)))
        self.act(ALICE, "proposed", rule_set, parent=parent)
        self.act(ALICE, "checked", rule_set, passed=True)
        return rule_set

    def put_into_force(self, old: str = "", new: str = "") -> str:
        """Propose and approve; give the id of the set."""
        rule_set = self.propose(old, new)
        self.act(BOB, "approved", rule_set)
        return rule_set

    def act(self, who: Signer, kind: RuleChangeKind, rule_set: str, **fields: object) -> None:
        """Write an act that counts. Raises ClickException if it does not."""

        async def write_it() -> None:
            log = reading(self._settings)
            act = made(await log.to_the_end(), who, kind, rule_set, _REASON, **fields)
            await act_on(self._settings, log, act)

        asyncio.run(write_it())

    def race(self, *wanted: tuple[Signer, RuleChangeKind, str]) -> list[str | None]:
        """Write acts of people who have all read the same log, in this order; give why each does not count."""

        async def write_them() -> list[str | None]:
            history = await reading(self._settings).to_the_end()
            acts: list[RuleChange] = [
                made(history, who, kind, rule_set, _REASON) for who, kind, rule_set in wanted
            ]
            for act in acts:
                assert history.problem(act, 0) is None
                await write(self._settings, rule_change_record(act))
            told = {each.act.change_id: each for each in (await reading(self._settings).to_the_end()).acts}
            return [told[act.change_id].problem for act in acts]

        return asyncio.run(write_them())
