-- Queries of what Queues hold: items in partitions, first in, first out.

-- name: queue_partition
SELECT * FROM queue_partitions WHERE queue_id = :queue_id AND partition_key = :partition_key;

-- name: queue_partition_totals
-- Partitions that hold something, and how many items all of them hold.
SELECT COUNT(*) AS partitions, COALESCE(SUM(items), 0) AS items FROM queue_partitions
WHERE queue_id = :queue_id AND expires_at > :now;

-- Kept beside the Queue, so that a put into a new partition has not to count them.
-- name: count_queue_partitions
SELECT partitions FROM stored_objects WHERE object_id = :queue_id;

-- name: grow_queue_partition
INSERT INTO queue_partitions (queue_id, partition_key, items, size_bytes, expires_at)
VALUES (:queue_id, :partition_key, :items, :size_bytes, :expires_at)
ON CONFLICT (queue_id, partition_key) DO UPDATE
SET items = items + :items, size_bytes = size_bytes + :size_bytes, expires_at = :expires_at;

-- name: shrink_queue_partition
UPDATE queue_partitions SET items = items - :items, size_bytes = size_bytes - :size_bytes
WHERE queue_id = :queue_id AND partition_key = :partition_key;

-- name: add_queue_item
INSERT INTO queue_items (queue_id, partition_key, value) VALUES (:queue_id, :partition_key, :value);

-- name: queue_items_after
SELECT item, value FROM queue_items
WHERE queue_id = :queue_id AND partition_key = :partition_key AND item > :after
ORDER BY item
LIMIT :limit;

-- name: delete_queue_items_to
DELETE FROM queue_items WHERE queue_id = :queue_id AND partition_key = :partition_key AND item <= :last;

-- name: clear_queue_partition_items
DELETE FROM queue_items WHERE queue_id = :queue_id AND partition_key = :partition_key;

-- name: clear_queue_partition
DELETE FROM queue_partitions WHERE queue_id = :queue_id AND partition_key = :partition_key;

-- name: clear_queue_items
DELETE FROM queue_items WHERE queue_id = :queue_id;

-- name: clear_queue_partitions
DELETE FROM queue_partitions WHERE queue_id = :queue_id;

-- name: expired_queue_partitions
SELECT queue_id, partition_key FROM queue_partitions WHERE expires_at <= :now;

-- name: next_expiring_queue_partition
SELECT MIN(expires_at) AS expires_at FROM queue_partitions;
