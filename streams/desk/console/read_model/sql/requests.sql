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

-- name: request_row
SELECT * FROM request_row WHERE request_id = ?

-- name: put_request_row
INSERT OR REPLACE INTO request_row VALUES (
    :request_id, :category, :country, :authority, :kind, :decision, :gate, :needs_two, :emergency,
    :received_ms, :changed_ms, :due_ms, :duty, :assignee, :claimed_until_ms, :snoozed_until_ms, :state,
    :answer, :version, :waits, :order_due
)

-- name: request_steps
SELECT event FROM request_step WHERE request_id = ? ORDER BY clock_id, sequence

-- name: steps_of_request_clock
SELECT event FROM request_step WHERE request_id = ? AND clock_id IN ('', ?) ORDER BY clock_id, sequence

-- name: put_request_step
INSERT OR IGNORE INTO request_step VALUES (?, ?, ?, ?)
