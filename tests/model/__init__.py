"""A model of the claims protocol, and searches through the possible orders of its steps.

The protocol decides which worker may write to a partition, so that no record is lost or applied twice. Its steps have
the same names in the code: claim, look, fence, read, establish, cycle, release, give_way.

| module | contents |
| --- | --- |
| `world.py` | the state of the modelled system as frozen values; the protocol and what can be broken in it |
| `variants.py` | broken variants of the protocol |
| `broker.py` | logs, transactions, fencing |
| `group.py` | members, generations, assignments |
| `takeover.py` | a worker between its assignment and its first cycle |
| `worker.py` | a worker's transactions, one request per step |
| `steps.py` | which steps are possible in a state, and the state after a step |
| `search.py` | the search through all states, and random runs |
| `words.py` | describes a run |

A worker that takes no step is one that is slow or stopped by SIGSTOP. It can be evicted from the group before any step
and continue at any later time. A kill destroys everything that the worker has not sent to the broker.

`python -m tests.model --help` searches further than the tests do.
"""
