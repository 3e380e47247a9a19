-- Dicts and Queues: what they hold, and the answers that a repeated request gets again. Times are seconds since
-- the epoch. What an object holds goes with its row.

CREATE TABLE stored_objects (
    object_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,              -- 'Dict' or 'Queue'
    environment TEXT NOT NULL,
    name TEXT,                       -- NULL for an ephemeral one
    created_at REAL NOT NULL,
    heartbeat_at REAL,               -- of an ephemeral one's client
    partitions INTEGER NOT NULL DEFAULT 0  -- of a Queue: those that hold something
);
CREATE UNIQUE INDEX stored_objects_by_name ON stored_objects (kind, environment, name) WHERE name IS NOT NULL;
CREATE INDEX stored_objects_by_heartbeat ON stored_objects (heartbeat_at) WHERE heartbeat_at IS NOT NULL;

-- `entry` is where a listing goes on; keys and values are as the client serialised them.
CREATE TABLE dict_entries (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    dict_id TEXT NOT NULL REFERENCES stored_objects (object_id) ON DELETE CASCADE,
    key BLOB NOT NULL,
    used_at REAL NOT NULL,           -- last write, or a read that was noted
    value BLOB NOT NULL              -- last: what comes before it is read without it
);
CREATE UNIQUE INDEX dict_entries_by_key ON dict_entries (dict_id, key);
CREATE INDEX dict_entries_by_use ON dict_entries (used_at);

-- `item` is the order, never used twice, so that a reader's place outlives what it stood at.
CREATE TABLE queue_items (
    item INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id TEXT NOT NULL REFERENCES stored_objects (object_id) ON DELETE CASCADE,
    partition_key BLOB NOT NULL,     -- x'' for the default one
    value BLOB NOT NULL
);
CREATE INDEX queue_items_by_partition ON queue_items (queue_id, partition_key, item);

-- Partitions that hold something: counted here, so that no request has to count items.
CREATE TABLE queue_partitions (
    queue_id TEXT NOT NULL REFERENCES stored_objects (object_id) ON DELETE CASCADE,
    partition_key BLOB NOT NULL,
    items INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (queue_id, partition_key)
) WITHOUT ROWID;
CREATE INDEX queue_partitions_by_expiry ON queue_partitions (expires_at);
CREATE TRIGGER queue_partition_added AFTER INSERT ON queue_partitions BEGIN
    UPDATE stored_objects SET partitions = partitions + 1 WHERE object_id = NEW.queue_id;
END;
CREATE TRIGGER queue_partition_removed AFTER DELETE ON queue_partitions BEGIN
    UPDATE stored_objects SET partitions = partitions - 1 WHERE object_id = OLD.queue_id;
END;

CREATE TABLE request_answers (
    request TEXT PRIMARY KEY,        -- who asked, and the idempotency key that it showed
    answer BLOB NOT NULL,            -- the serialised answer
    answered_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX request_answers_by_age ON request_answers (answered_at);
