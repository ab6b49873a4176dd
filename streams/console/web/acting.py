"""Carries out an act that a form asks for, and answers with the page that says what became of it."""

from collections.abc import Callable, Sequence

from aiokafka.errors import KafkaError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.console.publisher import NotReadBack
from streams.console.read_model.case_query import KnownAct
from streams.console.web.context import console_of
from streams.console.web.forms import NOT_KNOWN, WrongForm
from streams.console.web.words import in_words
from streams.events.case_activity import CaseActivity
from streams.wire.dead_letter import Rejected

NOT_CONFIRMED = (
    "Kafka did not confirm this. It may have counted or not: this page shows what is known. Sending it again from this page "
    "has one effect."
)

# The page of the case, with what to say first and the status of the answer.
Show = Callable[[str, int], Response]


async def carry_out(
    request: Request,
    make: Callable[[], CaseActivity],
    show: Show,
    acts: Callable[[], Sequence[KnownAct]],
    then: str,
) -> Response:
    """Publish the act that `make` makes, and go to the path `then`; if it did not count, show the case and say why.

    `acts` reads the acts on the case, of which the last one was faster.
    """
    try:
        verdict = await console_of(request).publisher.act(make())
    except (WrongForm, Rejected) as error:
        return await run_in_threadpool(show, str(error), 422)
    except (NotReadBack, KafkaError):
        return await run_in_threadpool(show, NOT_CONFIRMED, NOT_KNOWN)
    if verdict.refused is None:
        return RedirectResponse(then, 303)
    refused = verdict.refused
    return await run_in_threadpool(lambda: show(why_not(refused, acts()), 409))


def why_not(refused: str, acts: Sequence[KnownAct]) -> str:
    """Why an act did not count, and who was faster."""
    counted = [each.act for each in acts if each.refused is None]
    said = f"This did not count: {in_words(refused)}."
    if refused == "another_act_came_first" and counted:
        last = counted[-1]
        said += f" {last.actor.ref} did this: {in_words(last.kind)}. You see the case as it is now."
    return said
