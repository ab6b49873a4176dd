"""How much memory fetched records may take, from the brokers' answers to the agents' queues.

A batch of 1 KB on the log may unpack to megabytes, and an empty record is a kilobyte of Python objects. So
all limits are in bytes of memory, and records and headers count with what they take beyond their own bytes.
docs/operations-design.md adds the limits up.
"""

# Beyond its bytes: the Python objects of the record and of what the stage makes of it.
RECORD_OVERHEAD_BYTES = 600

# Beyond its bytes: a tuple, its place in the list, a string and a bytes object.
HEADER_OVERHEAD_BYTES = 170

# Memory of the records that one poll hands to Faust, of all partitions together: 8,000 reports of 400 bytes,
# which take a stage a fifth of a second. The last record may exceed it.
MAX_POLLED_BYTES = 8_000_000

# Memory of the records that may wait for the agents of all stages together: 20,000 reports of 400 bytes. As
# many may wait for the next cycle while those of one cycle are applied (see cycle/cycle.py).
MAX_QUEUED_BYTES = 20_000_000

# Bytes that a broker may answer to one request, of all partitions together, and of one partition. They may be
# compressed. A fetch of one partition is about 5,000 reports of 400 bytes without compression.
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_FETCHED_BYTES = 2 * 1024 * 1024

# Bytes of answers that wait to be unpacked; while there are more, no further ones are requested. Four
# partitions of all five source topics have at most 40 MiB in full fetches.
MAX_HELD_BYTES = 48 * 1024 * 1024
