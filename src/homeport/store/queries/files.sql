-- Queries of blobs, mounts, secrets and volumes.

-- Links --

-- name: link_key
SELECT key FROM link_keys WHERE purpose = :purpose;

-- name: add_link_key
INSERT OR IGNORE INTO link_keys (purpose, key) VALUES (:purpose, :key);

-- Blobs --

-- name: add_blob
INSERT INTO blobs (blob_id, sha256, size_bytes, part_bytes, is_complete, created_at)
VALUES (:blob_id, :sha256, :size_bytes, :part_bytes, :is_complete, :created_at);

-- name: blob_by_id
SELECT * FROM blobs WHERE blob_id = :blob_id;

-- name: complete_blob
UPDATE blobs SET is_complete = 1, sha256 = :sha256 WHERE blob_id = :blob_id;

-- name: delete_blobs_before
DELETE FROM blobs WHERE created_at < :before;

-- Whether content is still named by a blob.
-- name: blob_with_content
SELECT blob_id FROM blobs WHERE sha256 = :sha256 AND is_complete LIMIT 1;

-- Mounts --

-- name: mount_by_id
SELECT * FROM mounts WHERE mount_id = :mount_id;

-- name: mount_by_name
SELECT * FROM mounts WHERE environment = :environment AND name = :name;

-- name: unnamed_mount_by_checksum
SELECT * FROM mounts WHERE checksum = :checksum AND name IS NULL;

-- name: add_mount
INSERT INTO mounts (mount_id, name, environment, checksum, created_at)
VALUES (:mount_id, :name, :environment, :checksum, :created_at);

-- name: set_mount_checksum
UPDATE mounts SET checksum = :checksum WHERE mount_id = :mount_id;

-- name: mount_tree
SELECT folder FROM mount_trees WHERE checksum = :checksum;

-- name: add_mount_tree
INSERT INTO mount_trees (checksum) VALUES (:checksum);

-- name: delete_mount_tree
DELETE FROM mount_trees WHERE folder = :folder;

-- name: mount_tree_folders
SELECT folder FROM mount_trees;

-- Secrets --

-- name: add_secret
INSERT INTO secrets (secret_id, environment, name, app_id, env, created_at)
VALUES (:secret_id, :environment, :name, :app_id, :env, :created_at);

-- name: secret_by_id
SELECT * FROM secrets WHERE secret_id = :secret_id;

-- name: secret_by_name
SELECT * FROM secrets WHERE environment = :environment AND name = :name;

-- name: set_secret_env
UPDATE secrets SET env = :env WHERE secret_id = :secret_id;

-- name: secret_used
UPDATE secrets SET last_used_at = :now WHERE secret_id = :secret_id;

-- name: delete_secret
DELETE FROM secrets WHERE secret_id = :secret_id;

-- Newest first, a page at a time.
-- name: secrets_before
SELECT * FROM secrets
WHERE environment = :environment AND name IS NOT NULL AND created_at < :before
ORDER BY created_at DESC, secret_id LIMIT :limit;

-- Volumes --

-- name: add_volume
INSERT INTO volumes (volume_id, environment, name, version, stack, linked_path, is_writable, created_at,
                     heartbeat_at)
VALUES (:volume_id, :environment, :name, :version, '[]', :linked_path, :is_writable, :created_at, :heartbeat_at);

-- name: volume_by_id
SELECT * FROM volumes WHERE volume_id = :volume_id;

-- name: volume_by_name
SELECT * FROM volumes WHERE environment = :environment AND name = :name;

-- name: all_volumes
SELECT * FROM volumes;

-- Newest first, a page at a time.
-- name: volumes_before
SELECT * FROM volumes
WHERE environment = :environment AND name IS NOT NULL AND created_at < :before
ORDER BY created_at DESC, volume_id LIMIT :limit;

-- name: rename_volume
UPDATE volumes SET name = :name WHERE volume_id = :volume_id;

-- name: delete_volume
DELETE FROM volumes WHERE volume_id = :volume_id;

-- name: set_volume_stack
UPDATE volumes SET stack = :stack WHERE volume_id = :volume_id;

-- name: volume_heartbeat
UPDATE volumes SET heartbeat_at = :now WHERE volume_id = :volume_id AND heartbeat_at IS NOT NULL;

-- name: add_delta
INSERT INTO volume_deltas (volume_id, entries) VALUES (:volume_id, 0);

-- name: set_delta_entries
UPDATE volume_deltas SET entries = :entries WHERE number = :number;

-- name: deltas_of_volume
SELECT number, entries FROM volume_deltas WHERE volume_id = :volume_id;

-- name: delete_delta
DELETE FROM volume_deltas WHERE number = :number;

-- name: delete_deltas_of_volume
DELETE FROM volume_deltas WHERE volume_id = :volume_id;

-- name: add_attachment
INSERT INTO volume_attachments (task_id, volume_id, folder, path, sub_path, is_read_only, stack)
VALUES (:task_id, :volume_id, :folder, :path, :sub_path, :is_read_only, :stack);

-- name: all_attachments
SELECT * FROM volume_attachments;

-- name: attachment_by_number
SELECT * FROM volume_attachments WHERE number = :number;

-- name: attachments_of_task
SELECT * FROM volume_attachments WHERE task_id = :task_id ORDER BY number;

-- name: attachments_of_volume
SELECT * FROM volume_attachments WHERE volume_id = :volume_id;

-- name: retire_attachment
UPDATE volume_attachments SET is_retired = 1 WHERE number = :number;

-- name: set_attachment_seen
UPDATE volume_attachments SET seen = :seen WHERE number = :number;

-- name: move_attachment
-- a copy was replaced by a newer state's: what is found changed from now on is compared with that
UPDATE volume_attachments SET stack = :stack, seen = :seen WHERE number = :number;

-- name: delete_attachment
DELETE FROM volume_attachments WHERE number = :number;
