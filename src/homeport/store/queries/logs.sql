-- A task's number is its row's: it grows with each new task, and cursors of logs hold it.
-- name: log_tasks_of_app
SELECT rowid AS number, task_id, function_id, enqueued_at, finished_at, state FROM tasks
WHERE app_id = :app_id AND rowid > :after ORDER BY rowid;

-- name: log_task
SELECT rowid AS number, task_id, app_id, function_id, enqueued_at, finished_at, state FROM tasks
WHERE task_id = :task_id;

-- name: app_log_state
SELECT state, name, stopped_at FROM apps WHERE app_id = :app_id;
