-- Outcomes of cases and of clocks. Of several records with one id the first one counts.

-- name: outcomes_of_case
SELECT event FROM outcome
WHERE escalation_id = :case
OR (channel_ref = :channel AND message_ref IN (SELECT value FROM json_each(:messages)))
ORDER BY decided_ms, outcome_id

-- name: outcomes_of_escalation
SELECT decided_ms, event FROM outcome WHERE escalation_id = ?

-- name: escalation_of_outcome
SELECT escalation_id FROM outcome WHERE ce_source = ? AND outcome_id = ?

-- name: put_outcome
INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (ce_source, outcome_id) DO UPDATE SET
    partition = excluded.partition, offset = excluded.offset, channel_ref = excluded.channel_ref,
    escalation_id = excluded.escalation_id, message_ref = excluded.message_ref, decided_ms =
    excluded.decided_ms, event = excluded.event
WHERE (excluded.partition, excluded.offset) < (outcome.partition, outcome.offset)

-- name: outcomes_of_clock
SELECT event FROM clock_outcome WHERE clock_id = ? ORDER BY partition, offset

-- name: put_clock_outcome
INSERT INTO clock_outcome VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (ce_source, outcome_id) DO UPDATE SET
    partition = excluded.partition, offset = excluded.offset, clock_id = excluded.clock_id, at_ms =
    excluded.at_ms, event = excluded.event
WHERE (excluded.partition, excluded.offset) < (clock_outcome.partition, clock_outcome.offset)

-- name: was_outcome_written
SELECT 1 FROM outcome WHERE ce_source = ? AND outcome_id = ?

-- name: was_clock_outcome_written
SELECT 1 FROM clock_outcome WHERE ce_source = ? AND outcome_id = ?

-- name: decided_since
SELECT said.event, said.escalation_id, said.message_ref, desk_row.distinct_reporters
FROM outcome AS said LEFT JOIN desk_row USING (escalation_id)
WHERE said.decided_ms >= ? ORDER BY said.decided_ms, said.outcome_id
