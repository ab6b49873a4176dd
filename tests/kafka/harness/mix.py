"""Background traffic for tests of reports: authorities' requests, legal clocks, and what desks and moderators
decide.
"""

from collections.abc import Sequence

from tests.kafka.harness.clock_oracle import NotThere, report_courses, request_courses, steps_missing
from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.desk import Desk
from tests.kafka.harness.moderation import Moderators
from tests.kafka.harness.oracle import Totals, check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT, MURMUR2
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published, now_ms
from tests.kafka.harness.requests import generate_requests

# More time than a test needs to generate its reports.
MAKING_MS = 60_000


class Mix:
    """Call `go_on` from time to time, and `settle` at the end. Steps of clocks come due until `until_ms`."""

    def __init__(self, deployment: Deployment, seed: int, requests: int, times: int, soon_ms: int) -> None:
        self.desk = Desk(deployment, seed)
        self.moderators = Moderators(deployment, seed)
        # Reports that are generated later come due by then as well. After it nothing is due for five minutes,
        # because the outputs must not change while they are compared.
        self.until_ms = now_ms() + soon_ms + MAKING_MS
        self._deployment = deployment
        # What the topics lacked when they were last looked at.
        self._lacking: NotThere | None = None
        made = generate_requests(seed, requests, soon_ms=soon_ms)
        self._pieces = iter([made[start::times] for start in range(times)])

    def go_on(self) -> None:
        """Publish the next requests, outcomes for the clocks in the outputs, and what moderators decide."""
        requests: Sequence[Published] = next(self._pieces, ())
        half = len(requests) // 2
        self._deployment.publish_requests(requests[:half], MURMUR2)
        self._deployment.publish_requests(requests[half:], LIBRDKAFKA_DEFAULT)
        self.desk.work()
        self.moderators.go_on()

    def settle(self, seconds: float = 60) -> None:
        """Publish the remaining requests; wait until everything is applied and every due step taken."""
        for requests in self._pieces:
            self._deployment.publish_requests(requests)
        self.moderators.go_on()
        # Resumes the clocks that are still paused.
        self._deployment.wait_until_applied()
        self.desk.work()
        self._deployment.wait_until_applied()
        try:
            self._deployment.fleet.wait_for(self._steps_taken, seconds, "every step of every clock")
        except AssertionError as late:
            raise late from self._lacking

    def check(self, reader: Reader) -> Totals:
        """Compare the topics with everything that was published."""
        return check_outputs(
            self._deployment,
            reader,
            desk=self.desk,
            moderators=self.moderators,
            steps_until=self.until_ms,
        )

    def _steps_taken(self) -> bool:
        reader = self.desk.reader.catch_up()
        deployment = self._deployment
        reports = {record.facts.report_id: record.facts for record in deployment.published if record.facts}
        requests = {record.facts.request_id: record.facts for record in deployment.requests if record.facts}
        try:
            courses = report_courses(deployment, reader, reports.values())
            courses |= request_courses(deployment, reader, requests.values())
        except NotThere as lacking:
            self._lacking = lacking
            return False
        return not steps_missing(courses, self.until_ms)
