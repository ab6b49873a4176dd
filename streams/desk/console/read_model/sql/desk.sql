-- The desk's cases, a page at a time or by their ids, how many there are, or which escalations opened in a time. `seen` are the
-- members of cases that a person may see, of those that wait or whatever is asked for; `listed` those of them that a view asks
-- for. The most urgent of these stands for its case. What a view asks that a case does not have, none of its members that wait
-- may have. Those that somebody works on are few: they are read once, and not looked for in each case. A plus keeps a list from the index of what is overdue: it would have to sort much that it finds there. What is at
-- stake is at the head of the order: a list that knows it ends soon, while counts take the index of categories.

-- name: desk
WITH seen AS NOT MATERIALIZED (
SELECT * FROM desk_row
INDEXED BY desk_held -- if total held
WHERE TRUE
AND waits = 1 AND (snoozed_until_ms IS NULL OR snoozed_until_ms <= :now) -- if listed=waiting
AND waits = 1 AND snoozed_until_ms > :now -- if listed=snoozed
AND state = :listed -- if listed=decided
AND state = :listed -- if listed=resolved
AND opened_ms >= :first AND opened_ms < :end -- if opened
AND category IN (SELECT value FROM json_each(:categories)) -- if restricted counts
AND category IN (SELECT value FROM json_each(:categories)) -- if restricted opened
AND +category IN (SELECT value FROM json_each(:categories)) -- if restricted limit
AND +category IN (SELECT value FROM json_each(:categories)) -- if restricted ids
AND +category IN (SELECT value FROM json_each(:categories)) -- if restricted total
), listed AS NOT MATERIALIZED (
SELECT * FROM seen
WHERE TRUE
AND category = :category -- if category
AND category_group = :group -- if group
AND order_first = 0 -- if limit at_stake
AND category IN (SELECT category FROM category_order WHERE child_safety) -- if at_stake=children
AND category IN (SELECT category FROM category_order WHERE endangers_life) -- if at_stake=life
AND policy = :policy -- if policy
AND channel_ref = :channel -- if channel
AND level >= :level -- if level
AND instr(' ' || jurisdictions || ' ', ' ' || upper(:country) || ' ') -- if country
AND assignee = :assignee AND (claimed_until_ms IS NULL OR claimed_until_ms > :now) -- if held
AND due_ms <= :now -- if clock=overdue
AND +due_ms > :now -- if clock=running
AND +due_ms IS NULL -- if clock=none
AND integrity != '' -- if integrity
AND escalated = 1 -- if escalated
AND proposer IS NOT NULL AND proposer != :person AND :may_sign -- if to_sign
AND NOT (assignee IS NOT NULL AND (claimed_until_ms IS NULL OR claimed_until_ms > :now)) -- if assignee=nobody
AND (alone = 1 OR NOT EXISTS (SELECT 1 FROM desk_row AS other INDEXED BY desk_ahead WHERE other.case_id = seen.case_id -- if clock=running
    AND other.waits = 1 AND other.category IN (SELECT value FROM json_each(:categories)) -- if clock=running
    AND other.due_ms <= :now)) -- if clock=running
AND (alone = 1 OR NOT EXISTS (SELECT 1 FROM desk_row AS other INDEXED BY desk_ahead WHERE other.case_id = seen.case_id -- if clock=none
    AND other.waits = 1 AND other.category IN (SELECT value FROM json_each(:categories)) -- if clock=none
    AND other.due_ms IS NOT NULL)) -- if clock=none
AND (alone = 1 OR case_id NOT IN (SELECT case_id FROM desk_row INDEXED BY desk_held WHERE assignee IS NOT NULL AND waits = 1 -- if assignee=nobody
    AND (claimed_until_ms IS NULL OR claimed_until_ms > :now) AND category IN (SELECT value FROM json_each(:categories)))) -- if assignee=nobody
)
SELECT 'escalation' AS subject, listed.* FROM listed -- if limit
SELECT 'escalation' AS subject, listed.* FROM json_each(:ids) AS wanted CROSS JOIN listed ON case_id = wanted.value -- if ids
SELECT category, policy, count(*), NULL FROM listed WHERE alone = 1 GROUP BY category, policy -- if counts
UNION ALL SELECT category, policy, 1, case_id FROM listed WHERE alone = 0 GROUP BY category, policy, case_id -- if counts
SELECT count(DISTINCT case_id) FROM listed -- if total
SELECT escalation_id FROM listed -- if opened
WHERE TRUE -- if limit
WHERE TRUE -- if ids
WHERE TRUE -- if total
WHERE TRUE -- if opened
AND (listed.alone = 1 OR NOT EXISTS ( -- if leading
    SELECT 1 FROM listed AS ahead WHERE ahead.case_id = listed.case_id AND (ahead.waits > listed.waits OR ( -- if leading
        ahead.waits = listed.waits -- if leading
        AND (ahead.order_first, ahead.order_due, ahead.order_level, ahead.order_severity, ahead.order_priority, ahead.escalation_id) -- if leading
        < (listed.order_first, listed.order_due, listed.order_level, listed.order_severity, listed.order_priority, listed.escalation_id) -- if leading
    )) -- if leading
)) -- if leading
AND (order_first, order_due, order_level, order_severity, order_priority, case_id) -- if after by=clock
    > (:after_0, :after_1, :after_2, :after_3, :after_4, :after_5) -- if after by=clock
AND (channel_ref, order_first, order_due, order_level, order_severity, order_priority, case_id) -- if after by=channel
    > (:after_0, :after_1, :after_2, :after_3, :after_4, :after_5, :after_6) -- if after by=channel
AND (category_group, order_first, order_due, order_level, order_severity, order_priority, case_id) -- if after by=category
    > (:after_0, :after_1, :after_2, :after_3, :after_4, :after_5, :after_6) -- if after by=category
ORDER BY order_first, order_due, order_level, order_severity, order_priority, case_id -- if limit by=clock
ORDER BY channel_ref, order_first, order_due, order_level, order_severity, order_priority, case_id -- if limit by=channel
ORDER BY category_group, order_first, order_due, order_level, order_severity, order_priority, case_id -- if limit by=category
LIMIT :limit -- if limit

-- name: case_of
SELECT case_id FROM desk_row WHERE escalation_id = ?

-- name: desk_row
SELECT * FROM desk_row WHERE escalation_id = ?

-- name: members_of_case
SELECT * FROM desk_row WHERE case_id = :case AND waits = 1
AND category IN (SELECT value FROM json_each(:categories))
ORDER BY state DESC, is_clock, order_first, order_due, order_level, order_severity, order_priority, escalation_id
LIMIT :limit

-- name: decided_before
SELECT * FROM (SELECT *, 0 AS elsewhere FROM desk_row WHERE case_id = :case AND decided_ms IS NOT NULL
    AND category IN (SELECT value FROM json_each(:categories)) ORDER BY decided_ms DESC, escalation_id LIMIT :limit)
UNION ALL
SELECT * FROM (SELECT *, 1 AS elsewhere FROM desk_row WHERE channel_ref = :channel AND decided_ms IS NOT NULL AND case_id != :case
    AND category IN (SELECT value FROM json_each(:categories)) ORDER BY decided_ms DESC, escalation_id LIMIT :limit)
ORDER BY elsewhere, decided_ms DESC, escalation_id LIMIT :limit

-- name: put_desk_row
INSERT OR REPLACE INTO desk_row VALUES (
    :escalation_id, :case_id, :message_ref, :channel_ref, :policy, :is_clock, :category, :category_group, :level, :level_name,
    :opened_ms, :changed_ms, :due_ms, :duty, :priority, :priority_parts, :distinct_reporters, :integrity, :jurisdictions, :gate, :needs_two, :assignee, :claimed_until_ms, :snoozed_until_ms,
    :escalated, :state, :reopened, :decision, :decision_reason, :decided_by, :decided_ms, :version, :facts,
    :opens_message, :proposer, :proposed, :policy_version, :registry_version, :alone, :waits, :order_first,
    :order_due, :order_level, :order_severity, :order_priority
)

-- name: few_of_case
SELECT escalation_id FROM desk_row WHERE case_id = ? LIMIT 3

-- name: set_alone
UPDATE desk_row SET alone = :alone WHERE case_id = :case AND alone != :alone

-- name: policies_with_cases
SELECT DISTINCT policy FROM desk_row WHERE category IN (SELECT value FROM json_each(:categories))

-- name: episodes_with_clocks
SELECT escalation_id FROM desk_row WHERE channel_ref = ? AND NOT is_clock AND state != 'resolved'

-- name: categories
SELECT case_id, category FROM desk_row WHERE case_id IN (SELECT value FROM json_each(:ids))
UNION ALL SELECT request_id, category FROM request_row WHERE request_id IN (SELECT value FROM json_each(:ids))

-- name: category_order
SELECT order_first, order_severity FROM category_order WHERE category = ?

-- name: put_category_order
INSERT INTO category_order VALUES (?, ?, ?, ?, ?)

-- name: categories_at_stake
SELECT category, child_safety, endangers_life FROM category_order WHERE child_safety OR endangers_life
