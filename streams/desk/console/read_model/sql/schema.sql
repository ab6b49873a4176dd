-- Rows are functions of the records read, not of the order in which topics and partitions were read.

-- How far each partition was read; committed together with what came of its records.
CREATE TABLE place (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- Every event of every live escalation.
CREATE TABLE escalation_event (
    escalation_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (escalation_id, sequence)
) WITHOUT ROWID;

-- Acts on cases. A case is an escalation or a request, as `subject` says. `order_ms`, partition and offset are their order;
-- `order_ms` is the append time. `refused` says why an act did not count.
CREATE TABLE act (
    subject TEXT NOT NULL,
    case_id TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    order_ms INTEGER NOT NULL,
    activity_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    -- Published by this console or another one.
    of_console INTEGER NOT NULL,
    refused TEXT,
    event BLOB NOT NULL,
    PRIMARY KEY (subject, case_id, partition, offset)
) WITHOUT ROWID;
CREATE INDEX act_by_time ON act (at_ms);
CREATE INDEX act_order ON act (subject, case_id, order_ms, partition, offset);

-- What the acts on a case add up to.
CREATE TABLE case_work (
    subject TEXT NOT NULL,
    case_id TEXT NOT NULL,
    work BLOB NOT NULL,
    PRIMARY KEY (subject, case_id)
) WITHOUT ROWID;

-- Decisions of this and other consoles. The outcome `last_follow_up` must follow; null if none must.
CREATE TABLE decision (
    subject TEXT NOT NULL,
    case_id TEXT NOT NULL,
    activity_id TEXT NOT NULL,
    channel_ref TEXT,
    decided_ms INTEGER NOT NULL,
    last_follow_up TEXT,
    decision BLOB NOT NULL,
    PRIMARY KEY (subject, case_id, activity_id)
) WITHOUT ROWID;
CREATE INDEX decision_by_time ON decision (decided_ms);

-- Outcomes of any publisher. Of several records with one id the first one counts.
CREATE TABLE outcome (
    ce_source TEXT NOT NULL,
    outcome_id TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    channel_ref TEXT NOT NULL,
    escalation_id TEXT,
    message_ref TEXT,
    decided_ms INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (ce_source, outcome_id)
) WITHOUT ROWID;
CREATE INDEX outcome_by_channel ON outcome (channel_ref, decided_ms);
CREATE INDEX outcome_by_escalation ON outcome (escalation_id) WHERE escalation_id IS NOT NULL;

CREATE TABLE clock_outcome (
    ce_source TEXT NOT NULL,
    outcome_id TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    clock_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (ce_source, outcome_id)
) WITHOUT ROWID;
CREATE INDEX clock_outcome_by_clock ON clock_outcome (clock_id);

-- The newest state of each legal clock. `case_id` is an escalation's or a request's.
CREATE TABLE clock (
    clock_id TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    case_id TEXT NOT NULL,
    message_ref TEXT,
    category TEXT,
    obligation TEXT NOT NULL,
    status TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    view BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX clock_by_case ON clock (case_id);
CREATE INDEX clock_by_message ON clock (key, message_ref);
CREATE INDEX clock_by_due ON clock (is_open, due_ms, clock_id);

-- Every step of every request of an authority. `clock_id` is empty for the first one.
CREATE TABLE request_step (
    request_id TEXT NOT NULL,
    clock_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (request_id, clock_id, sequence)
) WITHOUT ROWID;

-- One row per request as the page lists it, made again from the tables above when one of them changes.
CREATE TABLE request_row (
    request_id TEXT PRIMARY KEY,
    category TEXT,
    country TEXT NOT NULL,
    authority TEXT NOT NULL,
    kind TEXT NOT NULL,
    decision TEXT NOT NULL,
    gate TEXT NOT NULL,
    needs_two INTEGER NOT NULL,
    emergency INTEGER NOT NULL,
    -- What its judgement says that the sentence of the row needs, as JSON.
    facts BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    -- Of the nearest running clock; null without one.
    due_ms INTEGER,
    duty TEXT,
    assignee TEXT,
    claimed_until_ms INTEGER,
    snoozed_until_ms INTEGER,
    -- open, proposed or answered
    state TEXT NOT NULL,
    answer TEXT,
    version INTEGER NOT NULL,
    -- Who proposed what waits for a second person, and that in words; null if nothing does. `sets_aside`: it follows what
    -- must be refused.
    proposer TEXT,
    proposed TEXT,
    sets_aside INTEGER NOT NULL,
    -- The order of the page: those that wait by clock, then by receipt. On the desk they have the order of its rows.
    waits INTEGER NOT NULL,
    order_first INTEGER NOT NULL,
    order_due INTEGER NOT NULL,
    order_severity INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX request_order ON request_row (waits, order_due, received_ms, request_id);

CREATE TABLE integrity_case (
    case_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    event BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX integrity_case_by_time ON integrity_case (-at_ms, case_id);

-- The newest step of each question to a desk.
CREATE TABLE review_question (
    question_id TEXT PRIMARY KEY,
    escalation_id TEXT NOT NULL,
    category TEXT NOT NULL,
    state TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    event BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX review_question_by_state ON review_question (state, due_ms, question_id);
CREATE INDEX review_question_by_case ON review_question (escalation_id);

-- How often each policy opened, raised and resolved, live and in shadow, by day.
CREATE TABLE policy_event (
    policy TEXT NOT NULL,
    mode TEXT NOT NULL,
    escalation_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    day TEXT NOT NULL,
    type TEXT NOT NULL,
    level INTEGER NOT NULL,
    channel_ref TEXT NOT NULL,
    PRIMARY KEY (policy, mode, escalation_id, sequence)
) WITHOUT ROWID;
CREATE INDEX policy_event_by_day ON policy_event (day);

-- By which rules the last case of each partition of escalations was judged, by the times of events.
CREATE TABLE partition_rules (
    partition INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    registry_version TEXT NOT NULL
) WITHOUT ROWID;

-- The newest transparency counter of each key.
CREATE TABLE transparency_counter (
    key TEXT PRIMARY KEY,
    day TEXT NOT NULL,
    event BLOB NOT NULL
) WITHOUT ROWID;

-- One row per escalation, made again from the tables above when one of them changes. The desk lists cases: of all rows with
-- one `case_id` that a person may see and a view has, the most urgent one stands for the case.
CREATE TABLE desk_row (
    escalation_id TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    -- The message that the case is about; null if it is about the channel.
    message_ref TEXT,
    channel_ref TEXT NOT NULL,
    policy TEXT NOT NULL,
    is_clock INTEGER NOT NULL,
    category TEXT NOT NULL,
    category_group TEXT NOT NULL,
    level INTEGER NOT NULL,
    level_name TEXT NOT NULL,
    opened_ms INTEGER NOT NULL,
    -- The newest event, act or outcome.
    changed_ms INTEGER NOT NULL,
    -- Of the nearest running clock of the case, also of a decided one; null without one, and if it is resolved.
    due_ms INTEGER,
    duty TEXT,
    priority INTEGER NOT NULL,
    -- What it is made of, in words.
    priority_parts TEXT NOT NULL,
    distinct_reporters INTEGER NOT NULL,
    integrity TEXT NOT NULL,
    jurisdictions TEXT NOT NULL,
    gate TEXT NOT NULL,
    -- The gate asks for two people, whatever is decided.
    needs_two INTEGER NOT NULL,
    assignee TEXT,
    claimed_until_ms INTEGER,
    snoozed_until_ms INTEGER,
    escalated INTEGER NOT NULL,
    -- open, proposed, decided or resolved
    state TEXT NOT NULL,
    -- Decided before, and raised to a higher level since.
    reopened INTEGER NOT NULL,
    -- What was decided last, why, by whom and when; null if nothing was.
    decision TEXT,
    decision_reason TEXT,
    decided_by TEXT,
    decided_ms INTEGER,
    version INTEGER NOT NULL,
    -- What events say that the sentence of the row needs, as JSON; and the message to open, null if it is the channel.
    facts BLOB NOT NULL,
    opens_message TEXT,
    -- Who proposed what waits for a second person, also in a case that was decided, and that in words; null if nothing does.
    proposer TEXT,
    proposed TEXT,
    policy_version TEXT NOT NULL,
    registry_version TEXT NOT NULL,
    -- Its case has no other row: such cases are counted without a look at which they are.
    alone INTEGER NOT NULL,
    waits INTEGER NOT NULL,
    -- The order of the desk: life and children, clock, level, severity, priority.
    order_first INTEGER NOT NULL,
    order_due INTEGER NOT NULL,
    order_level INTEGER NOT NULL,
    order_severity INTEGER NOT NULL,
    order_priority INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX desk_order ON desk_row (waits, order_first, order_due, order_level, order_severity, order_priority, case_id);
CREATE INDEX desk_by_channel ON desk_row (channel_ref);
CREATE INDEX desk_episodes ON desk_row (channel_ref) WHERE NOT is_clock AND state != 'resolved';
CREATE INDEX desk_channels ON desk_row (waits, channel_ref, order_first, order_due, order_level, order_severity, order_priority, case_id);
CREATE INDEX desk_groups ON desk_row (waits, category_group, order_first, order_due, order_level, order_severity, order_priority, case_id);
CREATE INDEX desk_by_category ON desk_row (waits, category, order_first, order_due, order_level, order_severity, order_priority, case_id);
-- Every page counts what is overdue, what a person has to sign and what they work on: few of all rows.
CREATE INDEX desk_overdue ON desk_row (waits, due_ms, category, snoozed_until_ms);
CREATE INDEX desk_to_sign ON desk_row (order_first, order_due, order_level, order_severity, order_priority, case_id) WHERE proposer IS NOT NULL;
CREATE INDEX desk_held ON desk_row (assignee, waits, order_first, order_due, order_level, order_severity, order_priority, case_id) WHERE assignee IS NOT NULL;
-- Counts of a view read every waiting case: from here, 50,000 take 5 ms instead of 80. It has every column of a filter.
CREATE INDEX desk_counts ON desk_row (
    waits, alone, category, policy, case_id, snoozed_until_ms, level, due_ms, escalated, assignee, claimed_until_ms, integrity,
    jurisdictions, category_group, channel_ref, state
);
-- Whether another row of the case is more urgent.
CREATE INDEX desk_ahead ON desk_row (case_id, waits, order_first, order_due, order_level, order_severity, order_priority, escalation_id);
-- The members of a case that wait, the one first on which the case is decided.
CREATE INDEX desk_members ON desk_row (case_id, waits, state DESC, is_clock, order_first, order_due, order_level, order_severity, order_priority, escalation_id);
-- What was decided before about the same, or about its channel.
CREATE INDEX desk_decided ON desk_row (case_id, decided_ms) WHERE decided_ms IS NOT NULL;
CREATE INDEX desk_decided_in_channel ON desk_row (channel_ref, decided_ms) WHERE decided_ms IS NOT NULL;

-- Views of the desk that people saved, by the keys of their topic. A deleted one has no event, and stays for a year: what was
-- written before it and is read after it must not bring the view back.
CREATE TABLE desk_view (
    view_key TEXT PRIMARY KEY,
    offset INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    event BLOB
) WITHOUT ROWID;

-- What the order of the desk takes from a category: whether life or a child may be at stake (0, else 1), and the severity
-- in millionths, negative as the gravest comes first. The filter `at_stake` takes the two others.
CREATE TABLE category_order (
    category TEXT PRIMARY KEY,
    order_first INTEGER NOT NULL,
    order_severity INTEGER NOT NULL,
    child_safety INTEGER NOT NULL,
    endangers_life INTEGER NOT NULL
) WITHOUT ROWID;
