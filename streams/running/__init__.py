"""Runs stages on Faust and Kafka: takes batches of records and writes one transaction per cycle.

Only `operations`, `worker` and `clients` know about reports. A stage is a name, its topics and a few
functions (`partitions.stage.Stage`).
"""
