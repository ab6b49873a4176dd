"""The figures of a day by a plain count over all that a read model has, without a thought of speed."""

from collections import defaultdict
from datetime import date
from math import ceil

import msgspec

from streams.contract.events.case_activity import CaseActivity
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.wire.times import DAY, HOUR, epoch_ms, midnight_ms, moment_ms
from streams.desk.console.casework.work import CaseWork, apply_act
from streams.desk.console.read_model.figures.day_figures import LEAST_PEOPLE


class PlainCount:
    """Every number for one day, from all that was read, without a thought of speed."""

    def __init__(self, reader, day: date, categories, now_ms: int) -> None:
        self.begin, self.end = midnight_ms(day), midnight_ms(day) + DAY
        self.until = min(self.end, now_ms + 1)
        self.cases = defaultdict(list)
        for (event,) in reader.execute("SELECT event FROM escalation_event ORDER BY sequence"):
            found = msgspec.json.decode(event, type=Escalation)
            self.cases[found.escalation_id].append(found)
        self.cases = {
            name: events for name, events in self.cases.items() if events[-1].category in categories
        }
        self.decisions = []
        self.answers = []
        for name in self.cases:
            self._replay(reader, name)

    def _replay(self, reader, name) -> None:
        rows = reader.execute(
            "SELECT event FROM act WHERE case_id = ? AND subject = 'escalation' AND refused IS NULL "
            "ORDER BY order_ms, partition, offset",
            (name,),
        ).fetchall()
        work, ids = CaseWork(), set()
        for (event,) in rows:
            said = msgspec.json.decode(event, type=CaseActivity)
            before, work = work, apply_act(work, said)
            if said.kind.startswith("proposal_") and before.proposal.actor.ref != said.actor.ref:
                people = {before.proposal.actor.ref, said.actor.ref}
                self.answers.append((epoch_ms(said.at), said.kind == "proposal_signed", people))
            if work.decision != before.decision:
                made = work.decision
                people = {each.ref for each in (made.actor, made.signed_by) if each is not None}
                ids.add(made.activity_id)
                self._decided(name, epoch_ms(made.at), made.outcome, people)
        for (event,) in reader.execute(
            "SELECT event FROM outcome WHERE escalation_id = ?", (name,)
        ).fetchall():
            outcome = msgspec.json.decode(event, type=ModerationOutcome)
            if outcome.outcome_id not in ids:
                self._decided(name, epoch_ms(outcome.decided_at), outcome, {outcome.reviewer.ref})

    def _decided(self, name, at_ms, outcome, people) -> None:
        self.decisions.append((name, at_ms, outcome.decision, outcome.supersedes is not None, people))

    def of_day(self):
        return [each for each in self.decisions if self.begin <= each[1] < self.end]

    def waits(self, name) -> bool:
        events = [event for event in self.cases[name] if moment_ms(event.at) < self.until]
        if not events or events[-1].status == "resolved":
            return False
        decided = [at_ms for case, at_ms, *_ in self.decisions if case == name and at_ms < self.until]
        return not decided or any(
            event.reason == "level_raised" and moment_ms(event.at) > max(decided) for event in events
        )

    def values(self):
        opened = [
            name for name, events in self.cases.items() if self.begin <= moment_ms(events[0].at) < self.end
        ]
        of_day = self.of_day()
        people = set().union(*(each[4] for each in of_day))
        took, took_people = [], set()
        for name in self.cases:
            ordered = sorted((each for each in self.decisions if each[0] == name), key=lambda each: each[1])
            if ordered and ordered[0] in of_day and not ordered[0][3]:
                took.append(max(0, ordered[0][1] - moment_ms(self.cases[name][0].at)) / HOUR)
                took_people |= ordered[0][4]
        took.sort()
        answers = [each for each in self.answers if self.begin <= each[0] < self.end]
        answering = set().union(*(each[2] for each in answers))

        def rank(percentile):
            return round(took[ceil(percentile * len(took) / 100) - 1], 1) if took else None

        def shown(value, who):
            return value if value is None or len(who) >= LEAST_PEOPLE else "hidden"

        signed = round(100 * sum(each[1] for each in answers) / len(answers)) if answers else None
        return {
            "opened": len(opened),
            "decided": len(of_day),
            "waiting": sum(map(self.waits, self.cases)),
            "median_hours": shown(rank(50), took_people),
            "p90_hours": shown(rank(90), took_people),
            "answered": len(answers),
            "signed_percent": shown(signed, answering),
            "replaced": shown(sum(each[3] for each in of_day) if people else None, people),
        }

    def dismissed_percent(self):
        by_policy = defaultdict(list)
        for name, _, decision, _, people in self.of_day():
            by_policy[self.cases[name][-1].policy].append((decision != "upheld", people))
        return {
            policy: round(100 * sum(each[0] for each in said) / len(said))
            if len(set().union(*(each[1] for each in said))) >= LEAST_PEOPLE
            else "hidden"
            for policy, said in by_policy.items()
        }
