-- Images and the results of their steps. Times are seconds since the epoch.

-- One row for each build that was asked for and not met by an earlier one.
CREATE TABLE images (
    image_id TEXT PRIMARY KEY,
    key TEXT NOT NULL DEFAULT '',        -- of all that led to the image; empty until it is built
    state INTEGER NOT NULL,              -- 0 building, 1 built, 2 failed, 3 the engine ended meanwhile
    definition BLOB NOT NULL,            -- serialised api_pb2.Image as it came
    builder_version TEXT NOT NULL,
    app_id TEXT NOT NULL DEFAULT '',
    layers TEXT NOT NULL DEFAULT '[]',   -- JSON [folder name], topmost first
    env TEXT NOT NULL DEFAULT '[]',      -- JSON [[name, value, instruction that set it]]
    workdir TEXT,
    shell TEXT NOT NULL DEFAULT '[]',    -- JSON [word], as entrypoint and cmd
    entrypoint TEXT NOT NULL DEFAULT '[]',
    cmd TEXT NOT NULL DEFAULT '[]',
    python TEXT NOT NULL DEFAULT '',     -- the interpreter's path inside
    python_series TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '[]',    -- JSON [sentence]: where the image differs from what was asked
    metadata BLOB,                       -- serialised api_pb2.ImageMetadata
    error TEXT NOT NULL DEFAULT '',
    exit_status INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    finished_at REAL
);
CREATE INDEX images_by_key ON images (key) WHERE state = 1;

-- What a step (RUN, COPY, WORKDIR) made. `result_key` is what the next step's key is derived from: another
-- than `key` when the step was forced to run again.
CREATE TABLE image_steps (
    key TEXT PRIMARY KEY,
    result_key TEXT NOT NULL,
    layer TEXT NOT NULL,                 -- folder name
    instruction TEXT NOT NULL,
    made_at REAL NOT NULL
) WITHOUT ROWID;
