"""Asking a desk before a crowd of strangers raises an escalation above review, and what its answers do."""

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from streams.contract.events.report import Category
from streams.contract.events.review_question import ReviewQuestionStep
from streams.contract.wire.origin import Origin
from streams.counting.attribution import ReportIdentity
from streams.counting.categories import CategoryShare, summed
from streams.counting.known_outcome import KnownOutcome
from streams.counting.measures import MEASURES, MILLION
from streams.counting.sums import WindowCounts
from streams.deciding.partition.legal_clocks import OutcomeTrace
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.counters import QuestionStep
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.escalation.budgets import per_hour_here
from streams.deciding.reports.escalation.draw import draw_reports, report_hash
from streams.deciding.reports.escalation.episodes import EpisodeKey, Open, note_clear
from streams.deciding.reports.escalation.escalations import escalation_id
from streams.deciding.reports.escalation.integrity import REVIEW, level_held
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.escalation.question import DrawnReport, Question, Verdict, question_id, settled
from streams.deciding.reports.escalation.question_events import publish_question, withdraw_question
from streams.deciding.reports.escalation.transitions import open_or_raise, raise_by_answer
from streams.deciding.reports.escalation.window_shares import policy_shares
from streams.registry.rules import AskRules, Rules


def asks(rules: Rules, policy: CompiledPolicy) -> bool:
    """Return whether a desk is asked before a crowd raises escalations of the policy."""
    return rules.asks and policy.key[1] == "live"


def rise_or_ask(
    batch: ReportBatch,
    key: EpisodeKey,
    policy: CompiledPolicy,
    level: int,
    shares: Sequence[CategoryShare],
    case: Case,
    counted_at: int,
    *,
    clear: bool,
    unsuspected: int,
) -> None:
    """Open or raise the episode to `level`, which is above its own, or ask a desk first.

    `unsuspected` is what is left of the level without a suspected brigade.
    Asked, the episode opens at REVIEW, or stays where it is. `shares`, `counted_at` and `clear` are as in
    `open_or_raise`. Policies and rules in shadow rise, and their events say that a desk would have been
    asked.
    """
    state = batch.state
    registry = batch.rules.of(key.channel, key.mode).registry
    episode = state.episode(key)
    opened = episode if isinstance(episode, Open) else None
    question = None if opened is None else opened.question
    ask = registry.ask
    alone = min(_level_without_asking(batch, policy, level, shares, ask), unsuspected)
    # Nobody is asked about what no desk has seen yet.
    waits = alone < level and _waits(batch, key, policy)
    level = max(alone, REVIEW) if waits else level
    if ask is None or waits or alone == level:
        if opened is not None:
            withdraw_question(batch, key, opened, state.time.now)
            question = opened.question
        open_or_raise(batch, key, policy, level, shares, case, counted_at, clear=clear, question=question)
        return
    if not asks(registry, policy):
        if question is None or question.withdrawn:
            batch.counters.questions[QuestionStep(key.policy, "would_be_asked")] += 1
        new = _new(batch, policy, level, shares, case.report.category, ask, question, unsuspected)
        would_be = replace(new, would_be=True)
        open_or_raise(batch, key, policy, level, shares, case, counted_at, clear=clear, question=would_be)
        return
    if question is not None and question.answer == "stands":
        open_or_raise(batch, key, policy, level, shares, case, counted_at, clear=clear, question=question)
        return
    if alone > (REVIEW if opened is None else opened.level):
        opened = open_or_raise(
            batch, key, policy, alone, shares, case, counted_at, clear=clear, question=question
        )
    if question is not None and not _may_be_asked_again(question, policy, shares, state.time.now):
        assert opened is not None
        _go_on_waiting(batch, key, policy, opened, clear=clear)
        return
    known_id = None
    if opened is not None:
        known_id = opened.escalation_id
        withdraw_question(batch, key, opened, state.time.now)
    asked = _ask(
        batch,
        key,
        known_id or escalation_id(key, case.ce_source, case.report.report_id),
        policy,
        shares,
        counted_at,
        _new(batch, policy, level, shares, case.report.category, ask, question, unsuspected),
        ask,
        question,
    )
    if opened is None or asked.answer == "stands":
        reached = level if asked.answer == "stands" else REVIEW
        opened = open_or_raise(
            batch, key, policy, reached, shares, case, counted_at, clear=clear, question=asked
        )
    _publish_asked(batch, key, opened, asked, case.origin)
    note_clear(opened, state.time.now, clear=clear)
    state.put_episode(key, opened, policy.timing, state.time.now)


def _go_on_waiting(
    batch: ReportBatch, key: EpisodeKey, policy: CompiledPolicy, opened: Open, *, clear: bool
) -> None:
    """Note whether an episode that waits for a desk is clear: nearly each report finds it as it was."""
    if (opened.clear_since is not None) != clear:
        note_clear(opened, batch.state.time.now, clear=clear)
        batch.state.put_episode(key, opened, policy.timing, batch.state.time.now)


def _waits(batch: ReportBatch, key: EpisodeKey, policy: CompiledPolicy) -> bool:
    """Return whether an episode waits for the budget of its policy, or would if it opened for a review."""
    state = batch.state
    if isinstance(state.episode(key), Open):
        return state.budgets.rest_of(key) is not None
    here = per_hour_here(policy, state.partitions)
    if here is None or not batch.rules.registry.may_rest(policy.policy):
        return False
    return state.budgets.is_spent(key, REVIEW, here, state.time.now)


def drawn_message(batch: ReportBatch, channel: str, identity: ReportIdentity) -> str | None:
    """Return the message of a report that a desk was asked about in a channel; None if it was not."""
    for episode in batch.state.episodes.get(channel, {}).values():
        if isinstance(episode, Open) and episode.question is not None:
            for report in episode.question.drawn:
                if report.identity == identity:
                    return report.message
    return None


def answer_questions(
    batch: ReportBatch,
    channel: str,
    messages: Collection[str],
    identity: ReportIdentity | None,
    decision: KnownOutcome,
    trace: OutcomeTrace,
) -> None:
    """Note what an outcome says about reports that desks were asked about in a channel, and do what follows.

    `decision` is about `messages`, or the report `identity` of these, and is noted with them already. If the
    count stands, the level that it has now is published at once.
    """
    state = batch.state
    for policy_id, mode in sorted(state.episodes.get(channel, ())):
        key = EpisodeKey(channel, policy_id, mode)
        episode = state.episode(key)
        if not isinstance(episode, Open) or episode.question is None or episode.question.withdrawn:
            continue
        question = episode.question
        drawn = tuple(
            _decided(batch, channel, report, decision if identity == report.identity else None)
            if report.message in messages
            else report
            for report in question.drawn
        )
        if drawn == question.drawn:
            continue
        question = replace(question, drawn=drawn)
        answer = settled(question)
        first = question.answer is None
        changed = answer != question.answer
        episode.question = replace(question, answer=answer)
        policy = batch.rules.of(channel, mode).policies.get((policy_id, mode))
        if changed:
            at = state.time.now
            if first:
                batch.counters.answered_after[max(decision.decided_s - question.asked // 1000, 0)] += 1
            episode.question = publish_question(batch, key, episode, "answered", at, trace)
        if policy is None:
            state.touch_episodes(channel)
            continue
        state.put_episode(key, episode, policy.timing, state.time.now)
        if changed:
            _follow_answer(batch, key, episode, policy, trace)


def _follow_answer(
    batch: ReportBatch, key: EpisodeKey, episode: Open, policy: CompiledPolicy, trace: OutcomeTrace
) -> None:
    """Raise the episode to the level that holds now, or ask again if the crowd has grown enough meanwhile."""
    state, registry = batch.state, batch.rules.of(key.channel, key.mode).registry
    ask = registry.ask
    now = state.time.now
    channel_key = key.channel.encode()
    shares = policy_shares(state, channel_key, policy, now)
    level = unsuspected = policy.judge_shares(shares, now).level
    if level > episode.level and registry.integrity == "live":
        unsuspected = level_held(batch, channel_key, policy, level, shares, now).level
    question = episode.question
    assert question is not None
    if level <= episode.level:
        return
    if question.answer == "stands":
        raise_by_answer(batch, key, episode, policy, level, shares, trace)
    elif (
        ask is not None
        and min(_level_without_asking(batch, policy, level, shares, ask), unsuspected) < level
        and _may_be_asked_again(question, policy, shares, now)
    ):
        new = _new(batch, policy, level, shares, question.category, ask, question, unsuspected)
        withdraw_question(batch, key, episode, now)
        asked = _ask(batch, key, episode.escalation_id, policy, shares, now, new, ask, question)
        _publish_asked(batch, key, episode, asked, trace)
        state.put_episode(key, episode, policy.timing, now)
        if asked.answer == "stands":
            raise_by_answer(batch, key, episode, policy, level, shares, trace)


def _level_without_asking(
    batch: ReportBatch,
    policy: CompiledPolicy,
    level: int,
    shares: Sequence[CategoryShare],
    ask: AskRules | None,
) -> int:
    """Return what is left of `level` as long as no person has looked: REVIEW at least.

    All of it in a policy with a floor category, or with enough voices that were right before. Else what the
    findings of trusted flaggers and detectors reach alone: they do not depend on the crowd, but a scam that
    an attacker posts in a channel, and a detector finds, says nothing about who else reports it.
    """
    if ask is None or level <= REVIEW or batch.rules.registry.has_floor(policy.policy):
        return level
    counts = summed(shares, _reporters(shares))
    if _proven_voices(counts) >= ask.proven_voices:
        return level
    return min(level, max(policy.judge(_findings(counts)).level, REVIEW))


def _findings(counts: WindowCounts) -> WindowCounts:
    """Return at most what trusted flaggers and detectors add to a window: each a risk of up to 1."""
    reports = counts.trusted_flaggers + counts.automated
    return WindowCounts(
        reports=reports,
        risk=min(counts.risk, reports * MILLION),
        trusted_flaggers=counts.trusted_flaggers,
        automated=counts.automated,
        distinct_reporters=min(counts.distinct_reporters, reports),
        members=counts.members,
        expected=counts.expected,
    )


def _may_be_asked_again(
    question: Question, policy: CompiledPolicy, shares: Sequence[CategoryShare], now: int
) -> bool:
    def others_came() -> bool:
        counts = summed(shares, _reporters(shares))
        return policy.judge(question.come_since(counts)).level > REVIEW

    return question.may_be_asked_again(now, policy.policy.window_ms, others_came)


def _proven_voices(counts: WindowCounts) -> int:
    """Return how many voices were right elsewhere."""
    return MEASURES["proven_voices"].read(counts)


def _reporters(shares: Sequence[CategoryShare]) -> int:
    """Return the number of reporters; who reported in several categories counts in each."""
    return sum(share.counts.distinct_reporters for share in shares)


def _new(
    batch: ReportBatch,
    policy: CompiledPolicy,
    level: int,
    shares: Sequence[CategoryShare],
    category: Category,
    ask: AskRules,
    before: Question | None,
    unsuspected: int,
) -> Question:
    """Return a question about the crowd of now, without reports; `before` is the last one of the episode.

    `unsuspected` is what is left of `level` without a suspected brigade.
    """
    now = batch.state.time.now
    counts = summed(shares, 0)
    return Question(
        number=1 if before is None else before.number + 1,
        level=level,
        level_name=policy.level(level).name,
        category=category,
        asked=now,
        due=now + ask.within_ms,
        crowd=_reporters(shares),
        proven=_proven_voices(counts),
        reports=counts.reports,
        risk=counts.risk,
        earlier=() if before is None else (*before.earlier, *map(report_hash, before.drawn)),
        suspected=unsuspected < level,
    )


def _ask(
    batch: ReportBatch,
    key: EpisodeKey,
    escalation: str,
    policy: CompiledPolicy,
    shares: Sequence[CategoryShare],
    counted_at: int,
    new: Question,
    ask: AskRules,
    before: Question | None,
) -> Question:
    """Draw reports for a question and look what is decided about them already.

    Those who had reported when the question `before` was asked are left out, if there are others. If no
    report can be judged, nobody can be asked, and the crowd is held as if none had been upheld.
    """
    channel_key = key.channel.encode()
    drawn, sampled = draw_reports(
        batch,
        channel_key,
        shares,
        policy.spec,
        counted_at,
        question_id(escalation, new.number),
        ask.reports,
        new.earlier,
        0 if before is None else before.asked,
    )
    asked = replace(new, sampled=sampled, drawn=tuple(_decided(batch, key.channel, each) for each in drawn))
    return replace(asked, answer=settled(asked) if drawn else "held")


def _publish_asked(
    batch: ReportBatch, key: EpisodeKey, episode: Open, asked: Question, cause: Origin | OutcomeTrace
) -> None:
    """Keep a new question with its episode, and publish it, or the answer that is known already."""
    episode.question = asked
    if not asked.drawn:
        batch.counters.questions[QuestionStep(key.policy, "no_report")] += 1
        return
    step: ReviewQuestionStep = "asked" if asked.answer is None else "answered"
    episode.question = publish_question(batch, key, episode, step, batch.state.time.now, cause)


def _decided(
    batch: ReportBatch, channel: str, report: DrawnReport, newest: KnownOutcome | None = None
) -> DrawnReport:
    """Return the report with what is decided about it, whoever decided it and when.

    `newest` is a decision about this report alone, which its message does not keep if that has too many.
    """
    record = batch.state.crowd.reporters_of(message_key(channel.encode(), report.message))
    decision = record.decided(report.identity) or newest
    if decision is None:
        return report
    if not decision.percent:
        # Nobody could see whether it was right.
        return replace(report, verdict=None, outcome_id="")
    verdict: Verdict = "upheld" if decision.verdict == "upheld" else "not_upheld"
    return replace(report, verdict=verdict, outcome_id=decision.outcome_id)
