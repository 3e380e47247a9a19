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

-- name: status_images
-- Every image with how many containers ran it, and when it was used last: 1e12 while a container has it.
SELECT i.image_id, i.state, i.layers, i.env, i.workdir, i.entrypoint, i.cmd, i.python, i.notes, i.error, i.host_usr,
    COALESCE(t.runs, 0) AS runs,
    max(i.created_at, COALESCE(i.finished_at, 0), COALESCE(i.used_at, 0), COALESCE(t.used_at, 0)) AS last_use
FROM images i LEFT JOIN (
    SELECT image_id, count(*) AS runs, max(COALESCE(finished_at, 1e12)) AS used_at FROM tasks
    WHERE function_id NOT IN (SELECT function_id FROM functions WHERE is_build_step) GROUP BY image_id
) t ON t.image_id = i.image_id;

-- name: status_image_apps
-- The apps that asked first for an image, or ran it.
SELECT images.image_id, COALESCE(NULLIF(apps.name, ''), apps.description) AS app
FROM images JOIN apps ON apps.app_id = images.app_id
UNION
SELECT tasks.image_id, COALESCE(NULLIF(apps.name, ''), apps.description)
FROM tasks JOIN apps ON apps.app_id = tasks.app_id
ORDER BY 2;

-- name: status_image_steps
SELECT layer, instruction FROM image_steps;

-- name: status_built_images
SELECT image_id, definition, layers, python_series FROM images WHERE state = 1 ORDER BY rowid;

-- name: status_secrets
SELECT environment, name FROM secrets WHERE name IS NOT NULL;
