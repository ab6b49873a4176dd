-- The desk's rows, a page at a time or by their ids, how many there are, or which opened in a time.
-- A plus keeps a list from the index of what is overdue: it would have to sort much that it finds there. What is at stake is at
-- the head of the order: a list that knows it ends soon, while counts take the index of categories.

-- name: desk
SELECT 'escalation' AS subject, escalation_id AS case_id, desk_row.* -- if limit
FROM desk_row -- if limit
SELECT 'escalation' AS subject, escalation_id AS case_id, desk_row.* -- if ids
FROM json_each(:ids) AS wanted CROSS JOIN desk_row ON escalation_id = wanted.value -- if ids
SELECT category, policy, count(*) FROM desk_row -- if counts
SELECT count(*) FROM desk_row -- if total
SELECT escalation_id FROM desk_row -- if opened
INDEXED BY desk_held -- if total held
WHERE TRUE
AND waits = 1 AND (snoozed_until_ms IS NULL OR snoozed_until_ms <= :now) -- if listed=waiting
AND waits = 1 AND snoozed_until_ms > :now -- if listed=snoozed
AND state = :listed -- if listed=decided
AND state = :listed -- if listed=resolved
AND (category IS NULL OR category IN (SELECT value FROM json_each(:categories))) -- if restricted
AND opened_ms >= :first AND opened_ms < :end -- if opened
AND category = :category -- if category
AND category_group = :group -- if group
AND order_first = 0 -- if limit at_stake
AND category IN (SELECT category FROM category_order WHERE child_safety) -- if at_stake=children
AND category IN (SELECT category FROM category_order WHERE endangers_life) -- if at_stake=life
AND policy = :policy -- if policy
AND channel_ref = :channel -- if channel
AND level >= :level -- if level
AND instr(' ' || jurisdictions || ' ', ' ' || upper(:country) || ' ') -- if country
AND NOT (assignee IS NOT NULL AND (claimed_until_ms IS NULL OR claimed_until_ms > :now)) -- if assignee=nobody
AND assignee = :assignee AND (claimed_until_ms IS NULL OR claimed_until_ms > :now) -- if held
AND +due_ms > :now -- if clock=running
AND due_ms <= :now -- if clock=overdue
AND +due_ms IS NULL -- if clock=none
AND integrity != '' -- if integrity
AND escalated = 1 -- if escalated
AND proposer IS NOT NULL AND proposer != :person AND :may_sign -- if to_sign
AND (order_first, order_due, order_level, order_severity, order_priority, escalation_id) -- if after by=clock
    > (:after_0, :after_1, :after_2, :after_3, :after_4, :after_5) -- if after by=clock
AND (channel_ref, order_first, order_due, order_level, order_severity, order_priority, escalation_id) -- if after by=channel
    > (:after_0, :after_1, :after_2, :after_3, :after_4, :after_5, :after_6) -- if after by=channel
AND (category_group, order_first, order_due, order_level, order_severity, order_priority, escalation_id) -- if after by=category
    > (:after_0, :after_1, :after_2, :after_3, :after_4, :after_5, :after_6) -- if after by=category
ORDER BY order_first, order_due, order_level, order_severity, order_priority, escalation_id -- if limit by=clock
ORDER BY channel_ref, order_first, order_due, order_level, order_severity, order_priority, escalation_id -- if limit by=channel
ORDER BY category_group, order_first, order_due, order_level, order_severity, order_priority, escalation_id -- if limit by=category
LIMIT :limit -- if limit
GROUP BY category, policy -- if counts

-- name: desk_row
SELECT 'escalation' AS subject, escalation_id AS case_id, desk_row.* FROM desk_row WHERE escalation_id = ?

-- name: put_desk_row
INSERT OR REPLACE INTO desk_row VALUES (
    :escalation_id, :channel_ref, :policy, :is_clock, :category, :category_group, :level, :level_name,
    :opened_ms, :changed_ms, :due_ms, :duty, :priority, :priority_parts, :reports, :distinct_reporters, :voices,
    :risk, :integrity, :jurisdictions, :gate, :needs_two, :assignee, :claimed_until_ms, :snoozed_until_ms,
    :escalated, :state, :reopened, :decision, :decided_by, :version, :proposer, :policy_version,
    :registry_version, :waits, :order_first, :order_due, :order_level, :order_severity, :order_priority
)

-- name: policies_with_cases
SELECT DISTINCT policy FROM desk_row WHERE category IN (SELECT value FROM json_each(:categories))

-- name: episodes_with_clocks
SELECT escalation_id FROM desk_row WHERE channel_ref = ? AND NOT is_clock AND state != 'resolved'

-- name: categories
SELECT escalation_id, category FROM desk_row WHERE escalation_id IN (SELECT value FROM json_each(:ids))
UNION ALL SELECT request_id, category FROM request_row WHERE request_id IN (SELECT value FROM json_each(:ids))

-- name: category_order
SELECT order_first, order_severity FROM category_order WHERE category = ?

-- name: put_category_order
INSERT INTO category_order VALUES (?, ?, ?, ?, ?)

-- name: categories_at_stake
SELECT category, child_safety, endangers_life FROM category_order WHERE child_safety OR endangers_life
