"""Code that several commands share.

Input: `moment`, `category` and `country`, types of options; `operator_options`. Output: `terminal` and
`progress`. Kafka: `kafka_group` and `broker_errors`. `channel_state` and `kept_clocks` read the state of
workers; `reach` and `late_reports` tell which policies a report came too late for. How topics are read and
written is in `streams.running.clients`, how events read in words in `streams.desk.text`.
"""
