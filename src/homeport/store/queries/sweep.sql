-- What is in use, for the sweep of what is not. Times are seconds since the epoch.

-- Definitions that are not in effect, came before :before, and belong to none of the newest :kept versions of an app:
-- nobody can bring them back.
-- name: delete_unused_definitions
DELETE FROM definitions
WHERE created_at < :before
    AND definition_id NOT IN (SELECT definition_id FROM functions)
    AND definition_id NOT IN (
        SELECT entry.value FROM app_versions JOIN json_each(app_versions.definition_ids) AS entry
        WHERE version > (
            SELECT max(version) FROM app_versions AS newest WHERE newest.app_id = app_versions.app_id
        ) - :kept
    )

-- Definitions of apps that are there, or were there since :before.
-- name: definitions_in_use
SELECT definitions.definition FROM definitions JOIN functions USING (function_id) JOIN apps USING (app_id)
WHERE apps.stopped_at IS NULL OR apps.stopped_at >= :before OR definitions.created_at >= :before

-- Tasks and apps to whose logs something may still be written.
-- name: ids_with_open_logs
SELECT task_id AS id FROM tasks WHERE finished_at IS NULL OR finished_at >= :before
UNION ALL
SELECT app_id FROM apps WHERE stopped_at IS NULL OR stopped_at >= :before

-- name: delete_image
DELETE FROM images WHERE image_id = :image_id

-- name: delete_steps_of_layer
DELETE FROM image_steps WHERE layer = :layer

-- name: unnamed_mounts_before
SELECT mount_id FROM mounts WHERE name IS NULL AND checksum != '' AND created_at < :before

-- name: delete_mount
DELETE FROM mounts WHERE mount_id = :mount_id

-- name: unused_mount_trees
SELECT folder FROM mount_trees WHERE checksum NOT IN (SELECT checksum FROM mounts)
