"""People who work at consoles over HTTP: they look, choose, decide, and send a form again when nobody
answered.
"""

import random
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from tests.kafka.harness.consoles import HOST, SECRET, Console
from tests.kafka.harness.moderation import REASONS
from tests.kafka.harness.workers import patience
from tests.unit.console_pages import hidden_fields


# A form that was sent is sent again until somebody answers; consoles are away for seconds.
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.1
# Among the first ones of the desk, so that people get in each other's way.
_LOOKED_AT = 15

# A person decides more than anything else, as on a busy day.
_WEIGHTS = {
    "decided": 6,
    "proposal_signed": 8,
    "proposal_declined": 1,
    "claimed": 2,
    "released": 1,
    "noted": 1,
    "snoozed": 1,
    "escalated": 1,
}


# `old_page`: a clock began or ended since the page was opened, so that this attempt did not count. The console
# does not say whether an earlier one, which nobody answered, did.
Told = Literal["counted", "refused", "waits", "old_page"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person was told in the end of something that they did."""

    who: str
    id: str
    kind: str
    told: Told


class NoAnswer(Exception):
    """Nobody answered in time."""


class Colleague(threading.Thread):
    """Works until `stop` is set. `answers` are what they were told; `failure` what should not have happened."""

    def __init__(self, ref: str, consoles: Sequence[Console], stop: threading.Event, seed: int) -> None:
        super().__init__(name=ref, daemon=True)
        self.answers: list[Answer] = []
        self.sent_again = 0
        self.failure: Exception | None = None
        self._ref, self._consoles, self._stopped = ref, consoles, stop
        self._chance = random.Random(seed)
        self._http = httpx.Client(
            timeout=20,
            headers={
                "Host": HOST, "Origin": f"https://{HOST}", "X-Forwarded-User": ref,
                "X-Tocsin-Proxy-Secret": SECRET,
            },
            event_hooks={"response": [self._keep_session]},
        )  # fmt: skip

    def run(self) -> None:
        """Work."""
        try:
            while not self._stopped.is_set():
                if self._chance.random() < 0.15:
                    self._end_clock()
                else:
                    self._work_on_case()
        except Exception as error:  # noqa: BLE001 - the test says it
            self.failure = error
        finally:
            self._http.close()

    def _work_on_case(self) -> None:
        # Now and then somebody takes a decision back.
        listed = self._chance.choice(("waiting", "waiting", "waiting", "waiting", "decided"))
        by = self._chance.choice(("clock", "channel", "category"))
        found = re.findall(r'href="(/cases/[\w-]+)"', self._page(f"/desk?listed={listed}&by={by}") or "")
        if not found:
            time.sleep(_PAUSE_SECONDS)
            return
        path = self._chance.choice(found[:_LOOKED_AT])
        page = self._page(path)
        if page is None:
            return
        kinds = [kind for kind in _WEIGHTS if f'data-act="{kind}"' in page]
        if 'id="decide"' in page:
            kinds.append("decided")
        kind = self._chance.choices(kinds, [_WEIGHTS[each] for each in kinds])[0]
        # A row may lead to another part of its case than that on which it is decided.
        action = re.search(r'action="(/cases/[\w-]+/acts)"', page)[1]
        form = hidden_fields(page, action, kind) | self._fields(kind, page)
        self._note(form["act_id"], kind, self._send(action, form))

    def _fields(self, kind: str, page: str) -> dict[str, str]:
        if kind == "noted":
            return {"note": "context_checked"}
        if kind == "snoozed":
            return {"snooze": "1 h"}
        if kind != "decided":
            return {}
        decision = self._chance.choice(list(REASONS))
        clocks = dict.fromkeys(re.findall(r'name="(clock_[\w-]+)"', page))
        return {
            "decision": decision,
            f"reason_{decision}": REASONS[decision],
            "category": "fraud",
            "rule": "spam-1",
            **({"visibility": "removed"} if decision == "upheld" else {}),
            **{
                name: self._chance.choice(("fulfilled", "fulfilled", "withdrawn", "runs_on"))
                for name in clocks
            },
        }

    def _end_clock(self) -> None:
        page = self._page("/clocks") or ""
        found = list(dict.fromkeys(re.findall(r'action="(/clocks/[\w-]+/acts)"', page)))
        if not found:
            time.sleep(_PAUSE_SECONDS)
            return
        action = self._chance.choice(found[:_LOOKED_AT])
        form = hidden_fields(page, action)
        row = page.partition(f'action="{action}"')[2].partition("</form>")[0]
        if 'value="fulfilled"' in row:
            outcome = self._chance.choice(("fulfilled", "withdrawn"))
            self._note(action, outcome, self._send(action, form | {"outcome": outcome}))

    def _keep_session(self, answer: httpx.Response) -> None:
        # The cookie is for encrypted connections, which end at the proxy.
        for cookie in answer.headers.get_list("set-cookie"):
            self._http.headers["Cookie"] = cookie.partition(";")[0]

    def _note(self, identity: str, kind: str, told: Told) -> None:
        self.answers.append(Answer(self._ref, identity, kind, told))

    def _page(self, path: str) -> str | None:
        """A page of any console; None if it does not answer, or does not know the case yet."""
        try:
            answer = self._http.get(self._chance.choice(self._consoles).address + path)
        except httpx.TransportError:
            time.sleep(_PAUSE_SECONDS)
            return None
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer.text

    def _send(self, action: str, form: dict[str, str]) -> Told:
        """Send a form to any console until one says what became of it.

        Confirms what it asks before clocks end.
        """
        data: dict[str, str | list[str]] = {**form}
        deadline = time.monotonic() + _PATIENCE_SECONDS * patience()
        while time.monotonic() < deadline:
            try:
                answer = self._http.post(self._chance.choice(self._consoles).address + action, data=data)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 409:
                return "old_page" if "since you opened the page" in answer.text else "refused"
            if answer is not None and answer.status_code in (202, 303):
                return "counted" if answer.status_code == 303 else "waits"
            if answer is not None and answer.status_code == 422:
                assert "Choose what becomes of the clock" in answer.text, f"{action}: {answer.text}"
                return "old_page"
            if answer is not None and answer.status_code == 200:
                data["ends"] = re.findall(r'name="ends" value="([^"]*)"', answer.text)
                assert data["ends"], f"{action}: {answer.text}"
                continue
            # Not confirmed; not read yet; too fast. Everything else is a fault.
            assert answer is None or answer.status_code in (404, 429, 503), (
                f"{action}: {answer.status_code} {answer.text}"
            )
            self.sent_again += 1
            time.sleep(_PAUSE_SECONDS)
        raise NoAnswer(f"{self._ref}: {action} {form}")
