-- Legal clocks of reports and requests.

-- name: clocks
SELECT clock.*, coalesce(desk_row.needs_two, request_row.needs_two, 1) AS needs_two FROM clock
LEFT JOIN desk_row ON clock.subject = 'report' AND desk_row.escalation_id = clock.case_id
LEFT JOIN request_row ON clock.subject = 'request' AND request_row.request_id = clock.case_id
WHERE TRUE
AND clock.clock_id = :clock_id -- if clock_id
AND clock.is_open = 1 -- if limit
AND (clock.category IS NULL OR clock.category IN (SELECT value FROM json_each(:categories))) -- if restricted
AND clock.subject = :subject -- if subject
AND clock.obligation = :duty -- if duty
AND clock.status = :status -- if status
AND clock.key = :key -- if key
AND clock.due_ms <= :due_until -- if due
AND (clock.due_ms, clock.clock_id) > (:after_0, :after_1) -- if after
ORDER BY clock.due_ms, clock.clock_id LIMIT :limit -- if limit

-- name: duties_with_clocks
SELECT obligation, count(*) AS clocks FROM clock WHERE is_open = 1
AND (category IS NULL OR category IN (SELECT value FROM json_each(:categories))) -- if restricted
GROUP BY obligation ORDER BY obligation

-- name: clocks_of_case
SELECT * FROM clock WHERE (subject = :subject AND case_id = :case)
OR (subject = 'report' AND key = :channel AND message_ref IN (SELECT value FROM json_each(:messages)))
ORDER BY due_ms, clock_id

-- name: nearest_clock_of_case
SELECT due_ms, obligation FROM clock WHERE subject = ? AND case_id = ? AND is_open AND status != 'paused'
ORDER BY due_ms, clock_id LIMIT 1

-- name: nearest_clock_of_messages
SELECT due_ms, obligation FROM clock
WHERE subject = 'report' AND key = ? AND message_ref IN (SELECT value FROM json_each(?))
AND is_open AND status != 'paused'
ORDER BY due_ms, clock_id LIMIT 1

-- name: cases_of_clock
SELECT case_id FROM clock WHERE clock_id = ?

-- name: cases_of_message
SELECT case_id FROM clock WHERE subject = 'report' AND key = ? AND message_ref = ?

-- name: clock
SELECT status, is_open, view FROM clock WHERE clock_id = ?

-- name: put_clock
INSERT INTO clock VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (clock_id) DO UPDATE SET
    sequence = excluded.sequence, status = excluded.status, is_open = excluded.is_open, due_ms =
    excluded.due_ms, view = excluded.view
WHERE excluded.sequence > clock.sequence
