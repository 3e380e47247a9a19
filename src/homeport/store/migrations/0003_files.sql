-- Blobs, mounts, secrets, volumes. Times are seconds since the epoch; numbers name folders on disk.

-- Keys that sign the HTTP links of blobs and volume blocks; made at first start.
CREATE TABLE link_keys (
    purpose TEXT PRIMARY KEY,
    key BLOB NOT NULL
);

-- A blob's content lies in the blob store under its sha256.
CREATE TABLE blobs (
    blob_id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,            -- hex
    size_bytes INTEGER NOT NULL,
    part_bytes INTEGER NOT NULL,     -- length of each part of a multipart upload, 0 for a single one
    is_complete INTEGER NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX blobs_by_content ON blobs (sha256);
CREATE INDEX blobs_by_age ON blobs (created_at);

-- One tree on disk for each distinct list of files, whoever asked for it.
CREATE TABLE mount_trees (
    folder INTEGER PRIMARY KEY AUTOINCREMENT,
    checksum TEXT NOT NULL UNIQUE    -- sha256 of the list of files, hex
);

CREATE TABLE mounts (
    mount_id TEXT PRIMARY KEY,
    name TEXT,                       -- NULL for a mount without a deployment name
    environment TEXT NOT NULL,       -- '' for the global namespace
    checksum TEXT NOT NULL,          -- '' for the client's own mounts, which have no tree here
    created_at REAL NOT NULL
);
CREATE UNIQUE INDEX mounts_by_name ON mounts (environment, name) WHERE name IS NOT NULL;
CREATE INDEX mounts_by_checksum ON mounts (checksum);

CREATE TABLE secrets (
    secret_id TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    name TEXT,                       -- NULL for an app's own (from_dict)
    app_id TEXT NOT NULL DEFAULT '',
    env TEXT NOT NULL,               -- JSON {key: value}
    created_at REAL NOT NULL,
    last_used_at REAL NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX secrets_by_name ON secrets (environment, name) WHERE name IS NOT NULL;

CREATE TABLE volumes (
    folder INTEGER PRIMARY KEY AUTOINCREMENT,  -- v/FOLDER, never used twice
    volume_id TEXT NOT NULL UNIQUE,
    environment TEXT NOT NULL,
    name TEXT,                       -- NULL for an ephemeral one
    version INTEGER NOT NULL,        -- api_pb2.VolumeFsVersion
    stack TEXT NOT NULL,             -- JSON [delta number], topmost first: the committed state
    linked_path TEXT,                -- a folder of this machine that is the volume; then there is no stack
    is_writable INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL,
    heartbeat_at REAL                -- of an ephemeral volume's client
);
CREATE UNIQUE INDEX volumes_by_name ON volumes (environment, name) WHERE name IS NOT NULL;

-- Numbers of delta folders, never used twice.
CREATE TABLE volume_deltas (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    volume_id TEXT NOT NULL,
    entries INTEGER NOT NULL         -- how many files, folders and whiteouts it holds
);
CREATE INDEX deltas_by_volume ON volume_deltas (volume_id);

-- A volume as a container has it mounted, until the container has ended and its last commit is done.
CREATE TABLE volume_attachments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- v/u/NUMBER holds upper and work
    task_id TEXT NOT NULL,
    volume_id TEXT NOT NULL,
    folder INTEGER NOT NULL,         -- the volume's, kept here for when the volume is deleted
    path TEXT NOT NULL,              -- where the container has it
    sub_path TEXT NOT NULL,
    is_read_only INTEGER NOT NULL,
    stack TEXT NOT NULL,             -- JSON [delta number]: what lies below, kept on disk while this row is
    seen INTEGER NOT NULL DEFAULT 0, -- number of the snapshot file of what was committed of the upper folder
    is_retired INTEGER NOT NULL DEFAULT 0  -- a newer one took its place at the mount point
);
CREATE INDEX attachments_by_task ON volume_attachments (task_id);
CREATE INDEX attachments_by_volume ON volume_attachments (volume_id);
