"""The rules in the form in which a report is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.events.report import Category, MessageReport
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.moderation_outcome_decoding import FORM as OUTCOME
from streams.contract.wire.forms.report_decoding import FORM as REPORT
from streams.contract.wire.reading import ReadEvent, event_reader
from streams.contract.wire.times import HOUR
from streams.counting.held_counts import category_suffix
from streams.counting.windows import WindowSpec, window_spec
from streams.deciding.law.resolution import Resolver
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys
from streams.deciding.partition.settings import DEFAULTS, PartitionSettings
from streams.deciding.reports.escalation.episodes import CANDIDATE
from streams.deciding.reports.escalation.policies import CompiledPolicy, compile_policy
from streams.deciding.reports.risk import RiskModel
from streams.registry.obligation import Obligation
from streams.registry.rules import Rules

# The window that an enriched report shows for a category without policies.
DEFAULT_WINDOW = window_spec(HOUR, "PT1H")


class CategoryPlan(NamedTuple):
    """What to compute for a report of a category. `policies` = (policy, index of its window in `windows`).

    `windows` begin with the shortest. `judged_together` are the suffixes of the other categories that any of
    these policies counts. `floor`: a person looks at every report of the category. `live_windows` are those
    of live policies. `by_size`: one of the policies asks how many members the channel has. `histories` are
    the ends of the state keys of what policies compare the channel's reports with. `looks` is the number of
    windows that these policies look at for a report.
    """

    suffix: bytes
    windows: tuple[WindowSpec, ...]
    policies: tuple[tuple[CompiledPolicy, int], ...]
    judged_together: tuple[bytes, ...]
    floor: bool
    live_windows: tuple[WindowSpec, ...]
    by_size: bool
    histories: tuple[bytes, ...]
    looks: int


class Trial(NamedTuple):
    """A candidate that is tried: its policies under the law, categories and weights in force, as `rules`.

    In shadow (`share` is 0) they judge every channel besides, else a share of channels, in percent, alone.
    """

    rule_set: str
    share: int
    rules: "ReportRules"


@dataclass(frozen=True, slots=True, eq=False)
class ReportRules:
    """The rules of the stage of reports; build them once with `compile_report_rules`.

    `suffixes` are the ends of the state keys of all categories. `dsa` are category and keywords in the EU's
    transparency database, the keywords as JSON. `read_report` and `read_outcome` reject what is of no
    category. `trial`: a candidate is tried beside them. `cases_alone`: who asks wants to know which cases
    there are, so no enriched report and no receipt is made.
    """

    registry: Rules
    resolver: Resolver
    risk_model: RiskModel
    plans: Mapping[Category, CategoryPlan]
    suffixes: tuple[bytes, ...]
    policies: Mapping[tuple[str, str], CompiledPolicy]
    obligations: Mapping[str, Obligation]
    dsa: Mapping[Category, tuple[str, msgspec.Raw]]
    settings: PartitionSettings
    hash_keys: HashKeys
    read_report: ReadEvent[MessageReport]
    read_outcome: ReadEvent[ModerationOutcome]
    trial: Trial | None = None
    cases_alone: bool = False

    def of(self, channel: str, mode: str = "live") -> "ReportRules":
        """Return the rules by which the episodes of a channel are judged that have this mode.

        Which channels the candidate judges follows from a keyed hash: nobody without the key can choose one,
        and those of a share are among those of a larger one.
        """
        trial = self.trial
        if trial is None:
            return self
        if mode == CANDIDATE:
            return trial.rules
        if not trial.share:
            return self
        # No ref has NUL, so it is the hash of nothing else.
        drawn = self.hash_keys.current.reporter_hash(f"\0{trial.rule_set}\0{channel}") % 100
        return trial.rules if drawn < trial.share else self


def compile_report_rules(
    rules: Rules,
    *,
    settings: PartitionSettings = DEFAULTS,
    hash_keys: HashKeys = DEMONSTRATION,
) -> ReportRules:
    """Prepare rules for the stage of reports.

    `hash_keys` are for reporters; workers must give their own. Raises ValueError if a policy's window fits no
    ring of panes.
    """
    compiled = [compile_policy(policy, policy.mode) for policy in rules.policies if policy.mode != "off"]
    return ReportRules(
        registry=rules,
        resolver=Resolver(rules),
        risk_model=RiskModel(rules),
        plans=plans_of(rules, compiled),
        suffixes=tuple(map(category_suffix, rules.categories)),
        policies={policy.key: policy for policy in compiled},
        obligations={obligation.id: obligation for obligation in rules.obligations},
        dsa={
            category: (row.dsa_category, msgspec.Raw(encode(row.dsa_keywords)))
            for category, row in rules.categories.items()
        },
        settings=settings,
        hash_keys=hash_keys,
        read_report=event_reader(REPORT, rules.categories),
        read_outcome=event_reader(OUTCOME, rules.categories),
    )


def plans_of(rules: Rules, compiled: Sequence[CompiledPolicy]) -> Mapping[Category, CategoryPlan]:
    """Return what to compute for a report of each category of the rules, with these policies."""
    return {
        category: _plan(category, compiled, floor=known.floor) for category, known in rules.categories.items()
    }


def _plan(category: Category, compiled: Sequence[CompiledPolicy], *, floor: bool) -> CategoryPlan:
    concerned = [policy for policy in compiled if category in policy.policy.categories]
    windows = sorted(
        {policy.spec for policy in concerned}, key=lambda spec: (spec.ring, spec.panes, spec.text)
    )
    together = dict.fromkeys(other for policy in concerned for other in policy.policy.categories)
    return CategoryPlan(
        category_suffix(category),
        tuple(windows) or (DEFAULT_WINDOW,),
        tuple((policy, windows.index(policy.spec)) for policy in concerned),
        tuple(category_suffix(other) for other in together if other != category),
        floor,
        tuple(dict.fromkeys(policy.spec for policy in concerned if policy.policy.mode == "live")),
        any(policy.by_size for policy in concerned),
        tuple(dict.fromkeys(policy.history for policy in concerned if policy.history is not None)),
        sum(len(policy.policy.categories) for policy in concerned),
    )
