"""Faust and Kafka, knowing nothing of reports: batches in, one transaction per partition batch out.

A stage of the pipeline is a name, its topics and a few pure functions (`stage.Stage`); everything here serves any stage.
"""
