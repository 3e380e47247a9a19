-- A task's number is its row's: it grows with each new task, and cursors of logs hold it.
-- What a step of an image prints is shown as the build's.
-- name: log_tasks_of_app
SELECT rowid AS number, task_id, function_id, enqueued_at, finished_at, state FROM tasks
WHERE app_id = :app_id AND rowid > :after
    AND function_id NOT IN (SELECT function_id FROM functions WHERE app_id = :app_id AND is_build_step)
ORDER BY rowid;

-- name: log_task
SELECT rowid AS number, task_id, app_id, function_id, enqueued_at, finished_at, state FROM tasks
WHERE task_id = :task_id;

-- name: app_log_state
SELECT state, name, stopped_at FROM apps WHERE app_id = :app_id;

-- Inputs that a task had within a time range, for telling which call printed a line: those that began in it, and
-- of those that began before, the newest few hundred are looked at.
-- name: log_spans_of_task
SELECT i.input_id, i.call_id, i.started_at, i.finished_at FROM inputs i JOIN (
    SELECT input_id FROM (
        SELECT input_id, finished_at FROM inputs
        WHERE task_id = :task_id AND started_at < :since ORDER BY started_at DESC LIMIT 200
    ) WHERE finished_at IS NULL OR finished_at >= :since
    UNION ALL
    SELECT input_id FROM inputs WHERE task_id = :task_id AND started_at BETWEEN :since AND :until
) USING (input_id)
ORDER BY i.started_at;

-- Where a call's inputs ran, and when: outside of it there are no lines of the call.
-- name: log_places_of_call
SELECT task_id, min(started_at) AS since, max(COALESCE(finished_at, 1e12)) AS until FROM inputs
WHERE call_id = :call_id AND task_id IS NOT NULL AND started_at IS NOT NULL
GROUP BY task_id;

-- name: log_call
SELECT app_id FROM function_calls WHERE call_id = :call_id;
