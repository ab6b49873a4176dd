-- Ids by how they begin.

-- name: cases_beginning
SELECT escalation_id, category FROM desk_row
WHERE escalation_id >= :first AND escalation_id < :end AND category IN (SELECT value FROM json_each(:categories))
ORDER BY escalation_id LIMIT :most

-- name: channels_beginning
SELECT DISTINCT channel_ref, '' FROM desk_row
WHERE channel_ref >= :first AND channel_ref < :end AND category IN (SELECT value FROM json_each(:categories))
ORDER BY channel_ref LIMIT :most

-- name: requests_beginning
SELECT request_id, kind FROM request_row
WHERE request_id >= :first AND request_id < :end
AND (category IS NULL OR category IN (SELECT value FROM json_each(:categories)))
ORDER BY request_id LIMIT :most
