"""Runs stages on Faust and Kafka: takes batches of records and writes one transaction per cycle.

Nothing here knows about reports. A stage is a name, its topics and a few functions (`stage.Stage`).
"""
