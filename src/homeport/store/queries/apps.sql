-- name: environment_by_name
SELECT * FROM environments WHERE name = :name;

-- name: environments
SELECT * FROM environments ORDER BY name;

-- An environment that exists already stays as it is.
-- name: add_environment
INSERT INTO environments (name, environment_id, created_at)
VALUES (:name, :environment_id, :created_at) ON CONFLICT (name) DO NOTHING;

-- name: set_environment_builder
UPDATE environments SET image_builder_version = :image_builder_version WHERE name = :name;

-- What keeps an environment from being deleted: running apps, and what has a name: volumes, secrets, Dicts, Queues,
-- images.
-- name: environment_contents
SELECT 'app' AS kind, app_id AS name FROM apps WHERE environment = :environment AND stopped_at IS NULL
UNION ALL
SELECT 'volume', name FROM volumes WHERE environment = :environment AND name IS NOT NULL
UNION ALL
SELECT 'secret', name FROM secrets WHERE environment = :environment AND name IS NOT NULL
UNION ALL
SELECT kind, name FROM stored_objects WHERE environment = :environment AND name IS NOT NULL
UNION ALL
SELECT DISTINCT 'image', name FROM image_names WHERE environment = :environment;

-- name: remove_environment
DELETE FROM environments WHERE name = :name;

-- An environment is known by its name wherever something lies in it.
-- name: rename_environment_of_environments
UPDATE environments SET name = :new_name WHERE name = :name;

-- name: rename_environment_of_apps
UPDATE apps SET environment = :new_name WHERE environment = :name;

-- name: rename_environment_of_image_names
UPDATE image_names SET environment = :new_name WHERE environment = :name;

-- name: rename_environment_of_volumes
UPDATE volumes SET environment = :new_name WHERE environment = :name;

-- name: rename_environment_of_secrets
UPDATE secrets SET environment = :new_name WHERE environment = :name;

-- name: rename_environment_of_mounts
UPDATE mounts SET environment = :new_name WHERE environment = :name;

-- name: rename_environment_of_stored_objects
UPDATE stored_objects SET environment = :new_name WHERE environment = :name;

-- name: add_app
INSERT INTO apps (app_id, environment, name, description, state, detached, created_at, heartbeat_at, tags)
VALUES (:app_id, :environment, :name, :description, :state, :detached, :created_at, :heartbeat_at, :tags);

-- name: app_by_id
SELECT * FROM apps WHERE app_id = :app_id;

-- name: app_by_name
SELECT * FROM apps WHERE environment = :environment AND name = :name AND state = :state;

-- The app that last had a name, whatever its state: `modal app logs NAME` works on a stopped one.
-- name: previous_app_by_name
SELECT * FROM apps WHERE environment = :environment AND name = :name ORDER BY created_at DESC LIMIT 1;

-- Live apps, and those that stopped lately, as `modal app list` shows them.
-- name: apps_of_environment
SELECT * FROM apps
WHERE environment = :environment AND (stopped_at IS NULL OR stopped_at > :stopped_after)
ORDER BY created_at;

-- name: unstopped_apps
SELECT * FROM apps WHERE stopped_at IS NULL;

-- name: set_app_state
UPDATE apps SET state = :state, detached = :detached, heartbeat_at = :heartbeat_at WHERE app_id = :app_id;

-- name: name_app
UPDATE apps SET name = :name, description = :description WHERE app_id = :app_id;

-- name: set_app_heartbeat
UPDATE apps SET heartbeat_at = :heartbeat_at WHERE app_id = :app_id;

-- name: set_app_tags
UPDATE apps SET tags = :tags WHERE app_id = :app_id;

-- name: begin_app_stop
UPDATE apps SET state = :state, stop_reason = :stop_reason, stopped_by = :stopped_by, heartbeat_at = NULL
WHERE app_id = :app_id;

-- name: finish_app_stop
UPDATE apps SET state = :state, stopped_at = :stopped_at WHERE app_id = :app_id;

-- The layout of an ephemeral app is its version 0 and may be published again; others are written once.
-- name: put_app_version
INSERT INTO app_versions (app_id, version, function_ids, class_ids, definition_ids, client_version, tag,
                          commit_info, deployed_at, type, rollback_version)
VALUES (:app_id, :version, :function_ids, :class_ids, :definition_ids, :client_version, :tag,
        :commit_info, :deployed_at, :type, :rollback_version)
ON CONFLICT (app_id, version) DO UPDATE SET
    function_ids = excluded.function_ids, class_ids = excluded.class_ids,
    definition_ids = excluded.definition_ids, deployed_at = excluded.deployed_at;

-- name: newest_app_version
SELECT * FROM app_versions WHERE app_id = :app_id ORDER BY version DESC LIMIT 1;

-- name: app_versions_of_app
SELECT * FROM app_versions WHERE app_id = :app_id AND version > 0 ORDER BY version DESC;

-- name: app_version
SELECT * FROM app_versions WHERE app_id = :app_id AND version = :version;

-- name: unfinished_tasks_of_app
SELECT task_id FROM tasks WHERE app_id = :app_id AND finished_at IS NULL;

-- Running containers for each app of an environment, as `modal app list` counts them.
-- name: running_tasks_by_app
SELECT app_id, count(*) AS running FROM tasks WHERE finished_at IS NULL GROUP BY app_id;

-- name: running_tasks
SELECT tasks.*, apps.description AS app_description FROM tasks JOIN apps USING (app_id)
WHERE tasks.finished_at IS NULL
  AND (:app_id = '' OR tasks.app_id = :app_id)
  AND (:environment = '' OR apps.environment = :environment)
ORDER BY tasks.enqueued_at;

-- name: listed_task
SELECT * FROM tasks WHERE task_id = :task_id;
