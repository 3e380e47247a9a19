-- name: task_insert
INSERT INTO tasks (task_id, app_id, function_id, definition_id, image_id, state, gpu_devices, enqueued_at)
VALUES (:task_id, :app_id, :function_id, :definition_id, :image_id, :state, :gpu_devices, :enqueued_at);

-- name: task_started
UPDATE tasks SET state = :state, started_at = :now WHERE task_id = :task_id;

-- name: task_was_started
-- An engine that was killed before it wrote this had asked for the container a moment before it ran.
UPDATE tasks SET started_at = enqueued_at WHERE task_id = :task_id AND started_at IS NULL;

-- name: task_ready
UPDATE tasks SET state = :state, ready_at = :now WHERE task_id = :task_id AND ready_at IS NULL;

-- name: task_finish
UPDATE tasks
SET state = :state, finished_at = :now, exit_code = :exit_code, exit_reason = :exit_reason,
    cpu_time_s = :cpu_time_s, memory_peak_bytes = :memory_peak_bytes
WHERE task_id = :task_id AND finished_at IS NULL;

-- name: task_by_id
SELECT * FROM tasks WHERE task_id = :task_id;

-- name: tasks_unfinished
SELECT * FROM tasks WHERE finished_at IS NULL ORDER BY enqueued_at;
