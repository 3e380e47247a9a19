-- Queries of what Dicts hold. :alive is the time since which an entry must have been used to be there still.

-- name: dict_entry
SELECT entry, used_at, value, file, file_bytes FROM dict_entries WHERE dict_id = :dict_id AND key = :key AND used_at > :alive;

-- name: dict_entry_without_value
SELECT entry, used_at FROM dict_entries WHERE dict_id = :dict_id AND key = :key AND used_at > :alive;

-- name: dict_entry_used
UPDATE dict_entries SET used_at = :now WHERE entry = :entry;

-- name: set_dict_entry
INSERT INTO dict_entries (dict_id, key, value, file, file_bytes, used_at)
VALUES (:dict_id, :key, :value, :file, :file_bytes, :now)
ON CONFLICT (dict_id, key) DO UPDATE
SET value = :value, file = :file, file_bytes = :file_bytes, used_at = :now;

-- name: add_dict_entry
INSERT INTO dict_entries (dict_id, key, value, file, file_bytes, used_at)
VALUES (:dict_id, :key, :value, :file, :file_bytes, :now)
ON CONFLICT (dict_id, key) DO NOTHING;

-- name: delete_dict_entry
DELETE FROM dict_entries WHERE entry = :entry;

-- name: delete_expired_dict_entry
DELETE FROM dict_entries WHERE dict_id = :dict_id AND key = :key AND used_at <= :alive;

-- name: clear_dict
DELETE FROM dict_entries WHERE dict_id = :dict_id;

-- name: count_dict_entries
SELECT COUNT(*) AS entries
FROM (SELECT 1 FROM dict_entries WHERE dict_id = :dict_id AND used_at > :alive LIMIT :limit);

-- The next entries of a listing, without their values.
-- name: dict_entries_after
SELECT entry, key, used_at FROM dict_entries
WHERE dict_id = :dict_id AND entry > :after AND used_at > :alive
ORDER BY entry
LIMIT :limit;

-- name: dict_value
SELECT value, file, file_bytes FROM dict_entries WHERE entry = :entry;

-- name: files_of_dict_entries
SELECT file FROM dict_entries WHERE file IS NOT NULL;

-- name: delete_unused_dict_entries
DELETE FROM dict_entries WHERE used_at <= :before;

-- name: least_used_dict_entry
SELECT MIN(used_at) AS used_at FROM dict_entries;
