"""All code that uses, overrides or replaces private names of Faust, mode and aiokafka.

tests/contract/test_private_names.py covers every private name in use and fails when one is used outside this
package.

Faust:
    app                   ends a cycle promptly when a stop is requested and the brokers do not answer
    batch_topic           holds fetches back while enough bytes wait for the agents
    consumer_thread       the thread around aiokafka's consumer: read committed, fetch progress, bounded stops
    positioned_consumer   starts partitions at restored positions, not at the group's offsets; the transport
    delivery              hands fetched messages to their streams without a task for each
    worker_assignor       shares partitions, and tells the group no more than members need

aiokafka:
    install               replaces aiokafka's classes with those of the next six files
    closable_fetcher      a fetcher that can be closed while its broker is away
    bounded_fetcher       keeps the memory of what was fetched within limits
    fetched_range         fetched records together with the part of the log that they cover
    fetched_records       fetched records as named tuples, which are cheaper
    group_member          a group member that knows when it was last answered and waits for missing topics
    lenient_records       the batches of a fetch, whose damage does not stop the partition
    lenient_batch         one of them, unpacked within limits
    native_batch          one of them, read by the native core; only with that
    unpacking             decompression with a size limit, for lenient_batch
    record_bytes          finds and reads records in the bytes of a batch, for lenient_batch
    metadata              the topics as one particular broker knows them
    authorized_operations  what this user may do with topics and groups
    producer              why a producer failed, and how to stop one that no broker answers
    native_producer       its record batches, written by the native core; only with that
    transaction_requests  requests about transactions that aiokafka does not have
    destination_questions  why a partition takes no records: metadata, refusals, silence
"""
