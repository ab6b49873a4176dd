-- Authorities' requests.

-- name: requests
SELECT * FROM request_row WHERE TRUE
AND waits = 1 -- if listed=waiting
AND waits = 0 -- if listed=answered
AND (category IS NULL OR category IN (SELECT value FROM json_each(:categories))) -- if restricted
AND country = :country -- if country
AND decision = :decision -- if decision
AND gate = :gate -- if gate
AND kind = :kind -- if kind
AND (order_due, received_ms, request_id) > (:after_0, :after_1, :after_2) -- if after
ORDER BY order_due, received_ms, request_id LIMIT :limit

-- Those that stand on the desk, in the order of its rows: they have no level and no priority.
-- name: desk_requests
SELECT 'request' AS subject, request_id AS case_id, 0 AS order_level, 0 AS order_priority, request_row.* -- if limit
FROM request_row -- if limit
SELECT 'request' AS subject, request_id AS case_id, 0 AS order_level, 0 AS order_priority, request_row.* -- if ids
FROM json_each(:ids) AS wanted CROSS JOIN request_row ON request_id = wanted.value -- if ids
SELECT count(*) FROM request_row -- if total
WHERE TRUE
AND waits = 1 AND order_due <= :due_until -- if waiting
AND (snoozed_until_ms IS NULL OR snoozed_until_ms <= :now) -- if listed=waiting
AND (category IS NULL OR category IN (SELECT value FROM json_each(:categories))) -- if restricted
AND category = :category -- if category
AND category IN (SELECT category FROM category_order WHERE child_safety) -- if at_stake=children
AND category IN (SELECT category FROM category_order WHERE endangers_life) -- if at_stake=life
AND country = upper(:country) -- if country
AND NOT (assignee IS NOT NULL AND (claimed_until_ms IS NULL OR claimed_until_ms > :now)) -- if assignee=nobody
AND assignee = :assignee AND (claimed_until_ms IS NULL OR claimed_until_ms > :now) -- if held
AND due_ms > :now -- if clock=running
AND due_ms <= :now -- if clock=overdue
AND proposer IS NOT NULL AND proposer != :person AND (:may_set_aside OR NOT sets_aside) -- if to_sign
AND (order_first, order_due, 0, order_severity, 0, request_id) -- if after
    > (:after_0, :after_1, :after_2, :after_3, :after_4, :after_5) -- if after
ORDER BY order_first, order_due, order_severity, request_id LIMIT :limit -- if limit

-- name: request_row
SELECT * FROM request_row WHERE request_id = ?

-- name: put_request_row
INSERT OR REPLACE INTO request_row VALUES (
    :request_id, :category, :country, :authority, :kind, :decision, :gate, :needs_two, :emergency,
    :facts, :received_ms, :changed_ms, :due_ms, :duty, :assignee, :claimed_until_ms, :snoozed_until_ms, :state,
    :answer, :version, :proposer, :proposed, :sets_aside, :waits, :order_first, :order_due, :order_severity
)

-- name: request_steps
SELECT event FROM request_step WHERE request_id = ? ORDER BY clock_id, sequence

-- name: steps_of_request_clock
SELECT event FROM request_step WHERE request_id = ? AND clock_id IN ('', ?) ORDER BY clock_id, sequence

-- name: put_request_step
INSERT OR IGNORE INTO request_step VALUES (?, ?, ?, ?)
