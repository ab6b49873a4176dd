-- Views of the desk that people saved.

-- Of two records of one key the later one in the log counts.
-- name: put_desk_view
INSERT INTO desk_view VALUES (?, ?, ?, ?)
ON CONFLICT (view_key) DO UPDATE SET offset = excluded.offset, at_ms = excluded.at_ms, event = excluded.event
WHERE excluded.offset > offset

-- Those whose keys begin so; '0' is the character after '/', with which the beginning ends.
-- name: desk_views
SELECT view_key, offset, event FROM desk_view
WHERE view_key > :begin || '/' AND view_key < :begin || '0' AND event IS NOT NULL ORDER BY view_key
