"""The stage of reporters: forged stamps. Faults are in the proofs of exactly once."""

from streams.contract.wire.forms.stamp import STAMP_HEADER
from streams.contract.wire.origin import ORIGIN_HEADER
from tests import bundled
from tests.kafka.harness.deployment import INTERNAL
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import Published, generate


def test_a_forged_stamp_changes_nothing(deploy):
    deployment = deploy(partitions=2)
    deployment.fleet.start()
    forged = [
        Published(
            record.key,
            record.value,
            record.facts,
            headers=[(STAMP_HEADER, b"\x01forged"), (ORIGIN_HEADER, b"message-reports/0/999999/1")],
        )
        for record in generate(16, 300, duplicates=0, bad=0)
    ]
    deployment.publish(forged)
    deployment.wait_until_applied()
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())
    # Without an outcome every stamp is that of a newcomer.
    stamps = [stamp for stamp in bundled.stamps(reader.all(deployment.name(INTERNAL))) if stamp is not None]
    assert {stamp.factor for stamp in stamps} <= {0.0, 1.0}
    assert len(stamps) > 100
