-- Images: builds, results of steps.

-- name: add_image
-- A build that begins, or an image that is built already (state 1).
INSERT INTO images (image_id, state, definition, builder_version, build_function_id, app_id, created_at)
VALUES (:image_id, 0, :definition, :builder_version, :build_function_id, :app_id, :created_at)

-- name: image_built
-- A build that went well; its key is found from now on.
UPDATE images
SET state = 1, key = :key, layers = :layers, env = :env, workdir = :workdir, shell = :shell,
    entrypoint = :entrypoint, cmd = :cmd, python = :python, python_series = :python_series, notes = :notes,
    metadata = :metadata, host_usr = :host_usr, user = :user, finished_at = :finished_at
WHERE image_id = :image_id

-- name: image_ended
-- A build that did not go well.
UPDATE images SET state = :state, error = :error, exit_status = :exit_status, finished_at = :finished_at
WHERE image_id = :image_id

-- name: images_interrupted
-- Builds of an engine that ended meanwhile.
UPDATE images SET state = 3, finished_at = :now WHERE state = 0

-- name: image_by_id
SELECT * FROM images WHERE image_id = :image_id

-- name: built_image_by_key
-- The newest of those that came to the same.
SELECT * FROM images WHERE key = :key AND state = 1 ORDER BY created_at DESC LIMIT 1

-- name: note_image_use
UPDATE images SET used_at = :now WHERE image_id = :image_id

-- name: images_by_use
-- When each image was used last; 1e12 while a container has it.
SELECT i.image_id, i.app_id, i.state, i.layers,
    max(i.created_at, COALESCE(i.finished_at, 0), COALESCE(i.used_at, 0), COALESCE(t.used_at, 0)) AS used_at
FROM images i LEFT JOIN (
    SELECT image_id, max(COALESCE(finished_at, 1e12)) AS used_at FROM tasks GROUP BY image_id
) t ON t.image_id = i.image_id

-- name: calls_of_build_steps
-- Unfinished calls of functions that builds call.
SELECT DISTINCT c.call_id FROM inputs i
JOIN function_calls c ON c.call_id = i.call_id JOIN functions f ON f.function_id = c.function_id
WHERE i.state < 2 AND f.is_build_step

-- name: build_step_of_task
-- The function of a build's container; no row for other containers.
SELECT t.function_id FROM tasks t JOIN functions f ON f.function_id = t.function_id
WHERE t.task_id = :task_id AND f.is_build_step

-- name: image_step
SELECT * FROM image_steps WHERE key = :key

-- name: instructions_by_layer
SELECT layer, instruction FROM image_steps
WHERE layer IN (SELECT value FROM json_each(:layers))

-- name: set_image_step
INSERT INTO image_steps (key, result_key, layer, instruction, made_at)
VALUES (:key, :result_key, :layer, :instruction, :made_at)
ON CONFLICT (key) DO UPDATE
SET result_key = excluded.result_key, layer = excluded.layer, made_at = excluded.made_at

-- name: image_reference
SELECT * FROM image_references WHERE reference = :reference

-- name: set_image_reference
INSERT INTO image_references (reference, layer, digest, note, at)
VALUES (:reference, :layer, :digest, :note, :at)
ON CONFLICT (reference) DO UPDATE
SET layer = excluded.layer, digest = excluded.digest, note = excluded.note, at = excluded.at

-- name: image_aliases
SELECT pattern, target FROM image_aliases ORDER BY pattern

-- name: set_image_alias
INSERT INTO image_aliases (pattern, target, created_at) VALUES (:pattern, :target, :created_at)
ON CONFLICT (pattern) DO UPDATE SET target = excluded.target

-- name: delete_image_alias
DELETE FROM image_aliases WHERE pattern = :pattern
