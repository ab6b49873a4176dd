-- Escalations, and the acts on cases: a case is an escalation or a request.

-- name: escalation_events
SELECT event FROM escalation_event WHERE escalation_id = ? ORDER BY sequence

-- name: put_escalation_event
INSERT OR IGNORE INTO escalation_event VALUES (?, ?, ?)

-- name: acts
SELECT order_ms, partition, offset, event, of_console, refused FROM act WHERE subject = ? AND case_id = ?
ORDER BY order_ms, partition, offset

-- name: last_act
SELECT order_ms, partition, offset FROM act
WHERE subject = :subject AND case_id = :case AND (:partition IS NULL OR partition = :partition)
ORDER BY order_ms DESC, partition DESC, offset DESC LIMIT 1

-- name: last_acted
SELECT max(at_ms) FROM act WHERE subject = ? AND case_id = ?

-- name: sent_before
SELECT 1 FROM act WHERE activity_id = ? AND subject = ? AND case_id = ?
AND (order_ms, partition, offset) < (?, ?, ?)

-- name: put_act
INSERT INTO act VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)

-- name: set_refused
UPDATE act SET refused = ? WHERE subject = ? AND case_id = ? AND partition = ? AND offset = ?

-- name: act_refused
SELECT refused FROM act WHERE subject = ? AND case_id = ? AND activity_id = ? AND refused IS NOT 'sent_before'

-- name: work
SELECT work FROM case_work WHERE subject = ? AND case_id = ?

-- name: put_work
INSERT OR REPLACE INTO case_work VALUES (?, ?, ?)

-- name: put_decision
INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: forget_decisions
DELETE FROM decision WHERE subject = ? AND case_id = ?

-- name: decision
SELECT decision, channel_ref FROM decision WHERE subject = ? AND case_id = ? AND activity_id = ?

-- name: decisions_without_outcome
SELECT subject, case_id, activity_id FROM decision
WHERE decided_ms > :first AND decided_ms < :end AND last_follow_up IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM outcome WHERE ce_source = :console AND outcome_id = last_follow_up)
AND NOT EXISTS (SELECT 1 FROM clock_outcome WHERE ce_source = :console AND outcome_id = last_follow_up)
ORDER BY decided_ms
