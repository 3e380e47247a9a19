-- Sandboxes and their tags.

-- name: sandbox_insert
INSERT INTO sandboxes (sandbox_id, app_id, task_id, name, definition, secret_ids, created_at)
VALUES (:sandbox_id, :app_id, :task_id, :name, :definition, :secret_ids, :created_at)

-- name: sandbox_by_id
SELECT * FROM sandboxes WHERE sandbox_id = :sandbox_id

-- name: sandbox_by_task
SELECT * FROM sandboxes WHERE task_id = :task_id

-- name: sandboxes_unfinished
SELECT * FROM sandboxes WHERE ended_at IS NULL

-- A name is its sandbox's until that ends; the newest of those that ended had it last.
-- name: sandbox_by_name
SELECT * FROM sandboxes
WHERE app_id = :app_id AND name = :name AND (ended_at IS NULL OR :include_ended)
ORDER BY ended_at IS NOT NULL, created_at DESC LIMIT 1

-- Why it will end, written before its container is told.
-- name: sandbox_ending
UPDATE sandboxes SET status = :status, exception = :exception
WHERE sandbox_id = :sandbox_id AND ended_at IS NULL AND status = 0

-- name: sandbox_end
UPDATE sandboxes SET ended_at = :ended_at, status = :status, exit_code = :exit_code, exception = :exception
WHERE sandbox_id = :sandbox_id AND ended_at IS NULL

-- Newest first, of one app or of all in an environment, with at least the tags asked for.
-- name: sandboxes_before
SELECT sandboxes.* FROM sandboxes JOIN apps USING (app_id)
WHERE sandboxes.created_at < :before
  AND (:app_id = '' OR sandboxes.app_id = :app_id)
  AND (:environment = '' OR apps.environment = :environment)
  AND (sandboxes.ended_at IS NULL OR :include_ended)
  AND (SELECT count(*) FROM sandbox_tags JOIN json_each(:tags) AS wanted
       ON sandbox_tags.name = wanted.key AND sandbox_tags.value = wanted.value
       WHERE sandbox_tags.sandbox_id = sandboxes.sandbox_id) = (SELECT count(*) FROM json_each(:tags))
ORDER BY sandboxes.created_at DESC LIMIT :most

-- name: sandbox_tags_of
SELECT name, value FROM sandbox_tags WHERE sandbox_id = :sandbox_id ORDER BY name

-- name: sandbox_tags_clear
DELETE FROM sandbox_tags WHERE sandbox_id = :sandbox_id

-- name: sandbox_tag_insert
INSERT INTO sandbox_tags (sandbox_id, name, value) VALUES (:sandbox_id, :name, :value)
ON CONFLICT (sandbox_id, name) DO UPDATE SET value = excluded.value
