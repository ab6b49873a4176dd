import signal
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
import time


def test_small(deploy):
    deployment = deploy()
    mix = Mix(deployment, 1, 300, 4, 12_000)
    reports = generate(1, 4000, notices=0.05, soon_ms=12_000)
    deployment.fleet.start()
    for n in range(4):
        deployment.publish(reports[n * 1000 : (n + 1) * 1000])
        mix.go_on()
        time.sleep(1.5)
        if n == 1:
            deployment.kill(deployment.fleet.running[0])
    t = time.monotonic()
    mix.settle()
    print("settle", time.monotonic() - t)
    reader = deployment.outputs()
    totals = check_outputs(deployment, reader, desk=mix.desk, steps_until=mix.until_ms)
    print(totals, mix.desk.published, len(mix.desk.refused))
    print(check_replay(deployment, reader, shipped_rules()))
