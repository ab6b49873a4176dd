"""The Faust app: `faust -A streams.app worker`, or `tocsin worker`.

Importing this module reads the environment and the registry, so that a wrong setting stops the worker at once.
"""

from streams.assessment.policies import compile_rules
from streams.registry.loader import load_rules
from streams.report_stage import report_stage
from streams.runtime.errors import RefusedToStart
from streams.runtime.observer import Observer
from streams.runtime.stage_app import StageApp
from streams.runtime.topics import admin_client, check_topics, load_catalogue
from streams.settings import load_settings

settings = load_settings()
rules = compile_rules(
    load_rules(policies=settings.policies_file),
    dead_letter_breaker=settings.dead_letter_breaker == "on",
    duplicates_remembered=settings.duplicates_remembered,
)


async def _check_surroundings() -> None:
    async with admin_client(app.connection) as admin:
        problems = await check_topics(
            admin, load_catalogue(), settings.topic_prefix, settings.min_insync_replicas
        )
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise RefusedToStart(
            f"the topics are not as the catalogue wants them (`tocsin topics check`):\n{listed}"
        )


app = StageApp(settings.app_id, settings.connection(), settings.topic_prefix, _check_surroundings)
app.add_stage(report_stage(rules), Observer())
