-- Sandboxes: containers that run a command of the client's, without a function.

CREATE TABLE sandboxes (
    sandbox_id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    definition BLOB NOT NULL,            -- serialised api_pb2.Sandbox as it came
    secret_ids TEXT NOT NULL,            -- JSON; those that came with the request are among them
    created_at REAL NOT NULL,
    ended_at REAL,
    status INTEGER NOT NULL DEFAULT 0,   -- api_pb2.GenericResult.GenericStatus, once it ends
    exit_code INTEGER NOT NULL DEFAULT 0,
    exception TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sandboxes_by_app ON sandboxes (app_id, created_at);
CREATE INDEX sandboxes_live ON sandboxes (sandbox_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX sandboxes_by_name ON sandboxes (app_id, name) WHERE name != '' AND ended_at IS NULL;

CREATE TABLE sandbox_tags (
    sandbox_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (sandbox_id, name)
);
