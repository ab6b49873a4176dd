"""A fleet of a hundred workers with a thousand partitions, on brokers in memory and in simulated time.

The workers run the real code: assignor, claims, looks, ownership, state reading, cycles, alignment, and all
stages with the shipped rules. Kafka's group protocol is a few simple rules, and requests take the time that
the story says. What is counted are requests, records and bytes; the time of processors is only what the
table says it is. `python -m tests.scale` prints the table of docs/operations-measured.md.

| module | contents |
| --- | --- |
| `brokers.py` | brokers that count what is asked of them |
| `group.py` | the consumer group: joins, heartbeats, sessions, and Faust's assignor |
| `worker.py` | a process of a worker |
| `fleet.py` | all of them, and how long each partition has no owner |
| `stories.py` | what happens to a fleet, and the figures of it |
| `pieces.py` | what one worker computes for a large fleet, in processor time |
| `test_growth.py` | nothing grows faster than it must from 10 workers to 20 |
"""
