"""A model of the claims protocol, and searches through every order of its steps.

The protocol decides which worker may write to a partition, and lets no record be lost or applied twice. Its steps have
the names that they have in the code: claim, look, fence, read, establish, cycle, release, give_way.

| module | what it holds |
| --- | --- |
| `world.py` | the state of the modelled system as frozen values, and the protocol with its broken variants |
| `broker.py` | logs, transactions, fencing |
| `group.py` | members, generations, assignments |
| `worker.py` | a worker, one request per step |
| `takeover.py` | what a worker does from an assignment until it may apply records |
| `steps.py` | what can happen in a state, and what it leads to |
| `search.py` | the search through all states, and runs chosen by chance |
| `words.py` | a failing run in words |

A worker whose turn does not come is one that does not run: stopped by SIGSTOP, or slow. It can be put out of the group at
any step and go on at any later one. A kill takes all that the broker does not have yet.

`python -m tests.model --help` searches more than the tests do.
"""
