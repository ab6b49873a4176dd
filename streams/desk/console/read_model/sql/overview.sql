-- What is counted over all cases, and how far topics were read.

-- name: integrity_cases
SELECT case_id, event, -at_ms AS newest_first FROM integrity_case WHERE TRUE
AND kind = :kind -- if kind
AND NOT EXISTS (SELECT 1 FROM case_work WHERE subject = 'integrity' AND case_work.case_id = integrity_case.case_id -- if listed=open
    AND json_extract(CAST(work AS TEXT), '$.decision') IS NOT NULL) -- if listed=open
AND EXISTS (SELECT 1 FROM case_work WHERE subject = 'integrity' AND case_work.case_id = integrity_case.case_id -- if listed=closed
    AND json_extract(CAST(work AS TEXT), '$.decision') IS NOT NULL) -- if listed=closed
AND (-at_ms, case_id) > (:after_0, :after_1) -- if after
ORDER BY newest_first, case_id LIMIT :limit

-- name: integrity_case
SELECT event FROM integrity_case WHERE case_id = ?

-- name: put_integrity_case
INSERT OR IGNORE INTO integrity_case VALUES (?, ?, ?, ?)

-- name: review_questions
SELECT question_id, event, due_ms FROM review_question WHERE state = :state
AND category IN (SELECT value FROM json_each(:categories)) -- if restricted
AND (due_ms, question_id) > (:after_0, :after_1) -- if after
ORDER BY due_ms, question_id LIMIT :limit

-- name: questions_of
SELECT event FROM review_question WHERE escalation_id = ? ORDER BY due_ms, question_id

-- name: put_review_question
INSERT INTO review_question VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (question_id) DO UPDATE SET state = excluded.state, at_ms = excluded.at_ms, event = excluded.event
WHERE excluded.at_ms > at_ms OR (excluded.at_ms = at_ms AND excluded.state != 'open')

-- name: put_policy_event
INSERT OR IGNORE INTO policy_event VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: policy_days
SELECT mode, policy, day, sum(type = 'opened'), sum(type = 'updated'), sum(type = 'resolved')
FROM policy_event WHERE day >= ? GROUP BY mode, policy, day ORDER BY mode, policy, day DESC

-- name: policy_channels
SELECT DISTINCT mode, policy, channel_ref FROM policy_event WHERE day >= ? AND type = 'opened'

-- name: versions
-- By which versions of policies and registry cases were opened or last changed, the newest first.
SELECT policy_version, registry_version, count(*) AS cases, max(changed_ms) AS last_ms
FROM desk_row
GROUP BY policy_version, registry_version ORDER BY 4 DESC, 1, 2

-- name: put_partition_rules
INSERT INTO partition_rules VALUES (?, ?, ?, ?)
ON CONFLICT (partition) DO UPDATE SET
    at = excluded.at, policy_version = excluded.policy_version, registry_version = excluded.registry_version
WHERE (excluded.at, excluded.policy_version, excluded.registry_version) > (at, policy_version, registry_version)

-- name: partition_rules
SELECT partition, at, policy_version, registry_version FROM partition_rules ORDER BY partition

-- name: put_transparency_counter
INSERT OR REPLACE INTO transparency_counter VALUES (?, ?, ?)

-- name: transparency_counters
SELECT event FROM transparency_counter WHERE day BETWEEN ? AND ? ORDER BY key

-- Published times all have the same form, so their order is that of the text.
-- name: open_in_period
SELECT
    (SELECT count(*) FROM desk_row WHERE waits AND NOT is_clock AND opened_ms < :end),
    (SELECT count(*) FROM desk_row WHERE waits AND NOT is_clock AND opened_ms < :end AND state = 'proposed'),
    (
        SELECT count(*) FROM clock
        WHERE is_open = 1 AND json_extract(CAST(view AS TEXT), '$.started_at') < :end_at
    ),
    (SELECT count(*) FROM request_row WHERE waits AND received_ms < :end),
    (
        SELECT count(*) FROM decision WHERE decided_ms < :end AND last_follow_up IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM outcome WHERE ce_source = :console AND outcome_id = last_follow_up)
        AND NOT EXISTS (SELECT 1 FROM clock_outcome WHERE ce_source = :console AND outcome_id = last_follow_up)
    ),
    (
        SELECT count(*) FROM outcome AS said WHERE decided_ms >= :first AND decided_ms < :end
        AND json_extract(CAST(event AS TEXT), '$.decision') = 'upheld'
        AND json_extract(CAST(event AS TEXT), '$.action') IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM outcome AS later WHERE later.channel_ref = said.channel_ref
            AND json_extract(CAST(later.event AS TEXT), '$.supersedes') = said.outcome_id
        )
    )

-- name: acts_since
SELECT count(*) FROM act WHERE at_ms >= ?

-- name: refused_since
SELECT refused AS reason, count(*) AS acts FROM act WHERE at_ms >= ? AND refused IS NOT NULL
GROUP BY refused ORDER BY 2 DESC, 1

-- name: tables
SELECT name FROM sqlite_schema WHERE type = 'table'

-- name: places
SELECT topic, partition, next_offset FROM place

-- name: put_place
INSERT OR REPLACE INTO place VALUES (?, ?, ?)

-- name: topics_read
SELECT topic, count(*) AS partitions, sum(next_offset) AS offsets FROM place GROUP BY topic ORDER BY topic

-- Several statements. The row of a case goes last: it says which cases go.
-- name: prune
DELETE FROM escalation_event WHERE escalation_id IN
    (SELECT escalation_id FROM desk_row WHERE changed_ms < :cutoff);
DELETE FROM act WHERE subject = 'escalation' AND case_id IN
    (SELECT escalation_id FROM desk_row WHERE changed_ms < :cutoff);
DELETE FROM case_work WHERE subject = 'escalation' AND case_id IN
    (SELECT escalation_id FROM desk_row WHERE changed_ms < :cutoff);
DELETE FROM decision WHERE subject = 'escalation' AND case_id IN
    (SELECT escalation_id FROM desk_row WHERE changed_ms < :cutoff);
DELETE FROM clock WHERE subject = 'report' AND case_id IN
    (SELECT escalation_id FROM desk_row WHERE changed_ms < :cutoff);
DELETE FROM desk_row WHERE changed_ms < :cutoff;
DELETE FROM request_step WHERE request_id IN
    (SELECT request_id FROM request_row WHERE changed_ms < :cutoff);
DELETE FROM act WHERE subject = 'request' AND case_id IN
    (SELECT request_id FROM request_row WHERE changed_ms < :cutoff);
DELETE FROM case_work WHERE subject = 'request' AND case_id IN
    (SELECT request_id FROM request_row WHERE changed_ms < :cutoff);
DELETE FROM decision WHERE subject = 'request' AND case_id IN
    (SELECT request_id FROM request_row WHERE changed_ms < :cutoff);
DELETE FROM clock WHERE subject = 'request' AND case_id IN
    (SELECT request_id FROM request_row WHERE changed_ms < :cutoff);
DELETE FROM request_row WHERE changed_ms < :cutoff;
DELETE FROM outcome WHERE decided_ms < :cutoff;
DELETE FROM clock_outcome WHERE at_ms < :cutoff;
DELETE FROM policy_event WHERE day < :cutoff_day;
DELETE FROM integrity_case WHERE at_ms < :integrity_cutoff;
DELETE FROM case_work WHERE subject = 'integrity' AND case_id NOT IN (SELECT case_id FROM integrity_case)
    AND NOT EXISTS (SELECT 1 FROM act WHERE act.subject = 'integrity' AND act.case_id = case_work.case_id AND at_ms >= :integrity_cutoff);
DELETE FROM act WHERE subject = 'integrity' AND at_ms < :integrity_cutoff AND case_id NOT IN (SELECT case_id FROM integrity_case);
DELETE FROM review_question WHERE at_ms < :cutoff;
DELETE FROM desk_view WHERE event IS NULL AND at_ms < :cutoff;
