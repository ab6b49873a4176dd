"""The runtime on brokers in memory, and searches through the orders in which things can happen.

`streams/running/takeover/takeover.py` and what it calls decide which worker may write to a partition, so that
no record is lost or applied twice. Here the real code does that: Writer, Claims, Look, Ownership,
StateReading and Cycle, on a Log whose every request is two steps that a search orders, with kills,
suspensions, evictions, late markers, transactions that take too long, partitions without a leader, compaction
and resets of the group in between.

| module | contents |
| --- | --- |
| `memory_log.py` | the Log of streams/running/log/log.py in memory |
| `test_log.py` | what every Log promises; tests/kafka/test_log.py runs the same on a broker |
| `virtual_time.py` | an event loop in which time is a number |
| `fleet.py` | workers, their group, and what must hold when a run ends |
| `search.py` | a strike at every step, and random runs |
| `mutants.py` | broken variants of the runtime that the searches must find |

A process that takes no step is one that is slow or stopped by SIGSTOP; it goes on at any later time. A kill
destroys everything that it has not sent. `python -m tests.model --help` searches further than the tests do.
"""
