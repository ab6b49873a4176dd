"""Code that several commands share.

Kafka: `reading`, `writing`, `published_event` and `broker_errors`. Output: `record_text`, `routing_text`,
`text_table` and `progress`. Input: `moment`, the type of options that take a time. `kept_clocks` finds legal
clocks in the workers' state. `scenario` generates the sample traffic.
"""
