-- What the figures of a day are counted from. A case with which nothing has happened since the first of the days
-- shown, and that does not wait, waited on none of them.

-- name: cases_of_days
SELECT escalation_id, category, policy, opened_ms, (
    SELECT min(day) FROM policy_event AS said
    WHERE said.policy = desk_row.policy AND said.mode = 'live'
    AND said.escalation_id = desk_row.escalation_id AND said.type = 'resolved'
) AS resolved_day
FROM desk_row
WHERE (changed_ms >= :first OR waits) AND category IN (SELECT value FROM json_each(:categories))

-- name: acts_of_days
SELECT act.case_id, act.at_ms, act.event
FROM desk_row CROSS JOIN act ON act.subject = 'escalation' AND act.case_id = desk_row.escalation_id
WHERE (changed_ms >= :first OR waits) AND category IN (SELECT value FROM json_each(:categories))
AND act.refused IS NULL
ORDER BY act.case_id, act.order_ms, act.partition, act.offset

-- name: outcomes_of_days
SELECT outcome.escalation_id, outcome.decided_ms, outcome.event
FROM desk_row CROSS JOIN outcome ON outcome.escalation_id = desk_row.escalation_id
WHERE (changed_ms >= :first OR waits) AND category IN (SELECT value FROM json_each(:categories))
ORDER BY outcome.decided_ms, outcome.outcome_id

-- The table of policies tells which events changed a case: only these are read.
-- name: changes_of_cases
SELECT escalation_id, event
FROM policy_event CROSS JOIN escalation_event USING (escalation_id, sequence)
WHERE mode = 'live' AND type = 'updated'
AND (policy, escalation_id) IN
    (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:cases))

-- name: opinions_of_days
SELECT said.event, said.decided_ms, said.escalation_id, said.message_ref, desk_row.category
FROM outcome AS said LEFT JOIN desk_row USING (escalation_id)
WHERE said.decided_ms >= :first AND said.decided_ms < :end
AND (said.escalation_id IS NOT NULL OR said.message_ref IS NOT NULL)
ORDER BY said.decided_ms, said.outcome_id

-- name: clocks_due
SELECT obligation, status, due_ms, view FROM clock
WHERE is_open IN (0, 1) AND due_ms >= :first AND due_ms < :end
AND (category IS NULL OR category IN (SELECT value FROM json_each(:categories)))
