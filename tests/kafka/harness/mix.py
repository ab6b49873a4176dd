"""What goes on beside the reports of a test: authorities ask, clocks run, desks say what became of them."""

from collections.abc import Sequence

from tests.kafka.harness.clock_oracle import report_courses, request_courses, steps_missing
from tests.kafka.harness.deployment import Deployment
from tests.kafka.harness.desk import Desk
from tests.kafka.harness.oracle import Totals, check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT, MURMUR2
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published, now_ms
from tests.kafka.harness.requests import generate_requests

# More than it takes to make the reports of a test.
MAKING_MS = 60_000


class Mix:
    """Call `go_on` now and then, and `settle` at the end. Steps of clocks come due until `until_ms`."""

    def __init__(self, deployment: Deployment, seed: int, requests: int, times: int, soon_ms: int) -> None:
        self.desk = Desk(deployment, seed)
        # Whatever is still to be made comes due by then, and after it nothing for five minutes: what is compared in
        # the end must not go on meanwhile.
        self.until_ms = now_ms() + soon_ms + MAKING_MS
        self._deployment = deployment
        made = generate_requests(seed, requests, soon_ms=soon_ms)
        self._pieces = iter([made[start::times] for start in range(times)])

    def go_on(self) -> None:
        """Publish some of the requests, and what the desks have to say by now."""
        requests: Sequence[Published] = next(self._pieces, ())
        half = len(requests) // 2
        self._deployment.publish_requests(requests[:half], MURMUR2)
        self._deployment.publish_requests(requests[half:], LIBRDKAFKA_DEFAULT)
        self.desk.work()

    def settle(self, seconds: float = 60) -> None:
        """Publish what is left of the requests, and wait until everything is applied and every step was taken."""
        for requests in self._pieces:
            self._deployment.publish_requests(requests)
        # What is still paused goes on.
        self._deployment.wait_until_applied()
        self.desk.work()
        self._deployment.wait_until_applied()
        self._deployment.fleet.wait_for(self._steps_taken, seconds, "every step of every clock")

    def check(self, reader: Reader) -> Totals:
        """Compare the topics with all that was published."""
        return check_outputs(self._deployment, reader, desk=self.desk, steps_until=self.until_ms)

    def _steps_taken(self) -> bool:
        reader = self.desk.reader.catch_up()
        deployment = self._deployment
        reports = {record.facts.report_id: record.facts for record in deployment.published if record.facts}
        requests = {record.facts.request_id: record.facts for record in deployment.requests if record.facts}
        courses = report_courses(deployment, reader, reports.values())
        courses |= request_courses(deployment, reader, requests.values())
        return not steps_missing(courses, self.until_ms)
