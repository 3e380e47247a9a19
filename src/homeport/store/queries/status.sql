-- What the homeport command shows of an engine, read from outside while the engine writes.

-- name: status_containers
-- Tasks that have not been seen to end, with their function and app.
SELECT tasks.task_id, tasks.app_id, tasks.started_at,
       coalesce(functions.tag, 'Sandbox ' || coalesce(nullif(sandboxes.name, ''), sandboxes.sandbox_id)) AS tag,
       coalesce(apps.name, apps.description) AS app
FROM tasks
LEFT JOIN functions ON functions.function_id = tasks.function_id
LEFT JOIN sandboxes ON sandboxes.sandbox_id = tasks.function_id
LEFT JOIN apps ON apps.app_id = tasks.app_id
WHERE tasks.finished_at IS NULL;

-- name: status_apps
-- Apps that are deployed or run, newest first.
SELECT app_id, environment, name, description, detached, created_at
FROM apps
WHERE stopped_at IS NULL
ORDER BY created_at DESC;
