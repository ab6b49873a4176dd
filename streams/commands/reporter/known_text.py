"""What is known of a reporter, in words."""

from collections.abc import Iterator, Mapping

from streams.commands.reporter.known import KnownProof, KnownReporter, KnownStanding, KnownTrust
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.desk.text.text_table import text_table
from streams.registry.reporter_rules import ReporterRules


def known_text(known: KnownReporter, rules: ReporterRules) -> str:
    """What is known of a reporter, and why, in words."""
    lines = [
        f"reporter {known.reporter}, of kind {known.kind}, in partition {known.partition}, at {known.at}",
        *(f"  {name:<10} {text}" for name, text in _rows(known, rules)),
    ]
    if known.categories:
        table = text_table(
            ("category", "class", "trust", "lower bound", "from", f"decided since {known.decided_since}"),
            [
                (
                    row.category,
                    row.trust.trust_class,
                    f"{row.trust.mean:g}",
                    f"{row.trust.lower:g}",
                    "this category" if row.trust.basis == "category" else "all categories",
                    _numbers(row.decided),
                )
                for row in known.categories
            ],
        )
        lines += ["", *table.splitlines(), "", _category_rule(rules)]
    return "\n".join(lines)


def _rows(known: KnownReporter, rules: ReporterRules) -> Iterator[tuple[str, str]]:
    trust, prior = known.trust, rules.priors[known.kind]
    yield "trust", f"mean {trust.mean:g}, lower bound {trust.lower:g} (the mean less one standard deviation)"
    if trust.basis == "kind":
        yield (
            "why",
            (
                "no outcome of this reporter's reports is known, so it is what is expected of kind "
                f"{known.kind}: {prior.alpha:g} of {prior.alpha + prior.beta:g} reports upheld"
            ),
        )
    else:
        yield (
            "why",
            (
                f"{_numbers(trust.outcomes)}, each fading by half every 90 days, added to what is expected "
                f"of kind {known.kind} ({prior.alpha:g} of {prior.alpha + prior.beta:g} reports upheld)"
            ),
        )
    yield "class", _class_reason(trust, rules)
    if trust.basis != "kind":
        yield "proof", _proof(known.proof, rules)
    yield (
        "weight",
        (
            f"{trust.factor:g} times that of a reporter of this kind without outcomes, within the maximum of "
            "scoring.yaml"
        ),
    )
    yield "today", _today(known)
    yield "this week", _this_week(known)
    if known.standing is not None:
        yield "standing", _standing(known.standing)


def _class_reason(trust: KnownTrust, rules: ReporterRules) -> str:
    needs = [
        f"{name} needs {need.lower:g} and {need.upheld:g} upheld"
        for name, need in (("medium", rules.medium), ("high", rules.high))
        if trust.trust_class == "low" or (trust.trust_class == "medium" and name == "high")
    ]
    has = f"lower bound {trust.lower:g} and {trust.outcomes['upheld']:g} upheld"
    return f"{trust.trust_class}, with {'; '.join([has, *needs])}"


def _proof(proof: KnownProof, rules: ReporterRules) -> str:
    """What supports the upheld outcomes, in words; channels are kept as keyed tags and have no names here."""
    channels = "channel" if proof.channels == 1 else "channels"
    parts = [f"upheld in {proof.channels} {channels}, {proof.confirmed} of them confirmed by others"]
    if proof.before:
        parts.append("some before channels were kept, which count until they are 180 days old")
    if proof.unsupported:
        parts.append(f"{proof.unsupported:g} upheld, but neither first nor confirmed: not counted")
    if proof.proven:
        parts.append("can be a proven voice")
    elif proof.channels and not proof.counts:
        needs = rules.proof
        parts.append(f"nothing upheld counts until it is confirmed, or in {needs.channels} channels")
    return "; ".join(parts)


def _today(known: KnownReporter) -> str:
    today = known.today
    reports = f"{today.reports} {'report' if today.reports == 1 else 'reports'} on {today.day} (UTC)"
    if today.limit is None:
        return f"{reports}; kind {known.kind} has no limit"
    if today.reports > today.limit:
        return (
            f"{reports}, beyond the limit of {today.limit}: further ones have no weight, except in floor "
            "categories"
        )
    return f"{reports}, of {today.limit} that weigh"


def _this_week(known: KnownReporter) -> str:
    week = known.this_week
    text = f"about {week.channels} different {'channel' if week.channels == 1 else 'channels'}"
    if week.limit is not None:
        text += f"; from {week.limit} on a person is asked to look" + (" (done)" if week.shown else "")
    if week.misuse_shown:
        text += "; a person was asked whether reporting is misused"
    return text


def _standing(standing: KnownStanding) -> str:
    decided = []
    if standing.paused_until is not None:
        decided.append(f"paused until {standing.paused_until}: reports weigh nothing")
    if standing.warned_until is not None:
        decided.append(f"warned, in force until {standing.warned_until}")
    number = standing.channels
    return f"{'; '.join(decided)}; watched in {number} {'channel' if number == 1 else 'channels'}"


def _category_rule(rules: ReporterRules) -> str:
    return (
        f"From {rules.category_needs:g} outcomes in a category on, faded ones counted less, its trust is "
        "its own."
    )


def _numbers(outcomes: Mapping[OutcomeDecision, float]) -> str:
    return ", ".join(f"{number:g} {name.replace('_', ' ')}" for name, number in outcomes.items())
