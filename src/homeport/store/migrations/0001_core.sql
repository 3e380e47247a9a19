-- Environments, apps, functions, calls, tasks. Times are seconds since the epoch.

CREATE TABLE environments (
    name TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL UNIQUE,
    image_builder_version TEXT NOT NULL DEFAULT '',  -- '' for Homeport's own default
    created_at REAL NOT NULL
);

CREATE TABLE apps (
    app_id TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    name TEXT,                       -- deployment name; NULL for an ephemeral app
    description TEXT NOT NULL,
    state INTEGER NOT NULL,          -- api_pb2.AppState
    detached INTEGER NOT NULL DEFAULT 0,
    client_version TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    stopped_at REAL,
    stop_reason TEXT NOT NULL DEFAULT '',   -- a sentence
    stopped_by TEXT NOT NULL DEFAULT '',    -- the user, where one stopped it
    tags TEXT NOT NULL DEFAULT '{}',        -- JSON
    heartbeat_at REAL                -- last sign of life of the client; NULL where none is expected
);
CREATE INDEX apps_by_name ON apps (environment, name);

-- One row for each `modal deploy`, and the layout of an ephemeral app as version 0.
CREATE TABLE app_versions (
    app_id TEXT NOT NULL REFERENCES apps (app_id),
    version INTEGER NOT NULL,
    function_ids TEXT NOT NULL,      -- JSON {tag: function_id}
    class_ids TEXT NOT NULL,         -- JSON {tag: class_id}
    definition_ids TEXT NOT NULL,    -- JSON {function_id: definition_id}
    client_version TEXT NOT NULL,
    tag TEXT NOT NULL,               -- what the user named this deployment
    commit_info BLOB,                -- api_pb2.CommitInfo as it came
    deployed_at REAL NOT NULL,
    PRIMARY KEY (app_id, version)
);

-- `definition` is api_pb2.FunctionData with the Function as it came in ranked_functions, whole, so that
-- fields of newer clients survive. Empty between FunctionPrecreate and FunctionCreate.
CREATE TABLE functions (
    function_id TEXT PRIMARY KEY,
    definition_id TEXT NOT NULL,
    app_id TEXT NOT NULL REFERENCES apps (app_id),
    tag TEXT NOT NULL,
    definition BLOB NOT NULL,        -- serialised api_pb2.FunctionData
    handle_metadata BLOB NOT NULL,   -- serialised api_pb2.FunctionHandleMetadata
    autoscaler BLOB NOT NULL DEFAULT x'',  -- api_pb2.AutoscalerSettings set later, over the definition's
    created_at REAL NOT NULL
);
CREATE INDEX functions_by_app ON functions (app_id, tag);

CREATE TABLE function_calls (
    call_id TEXT PRIMARY KEY,
    function_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    kind INTEGER NOT NULL,           -- api_pb2.FunctionCallType
    invocation INTEGER NOT NULL,     -- api_pb2.FunctionCallInvocationType
    parent_input_id TEXT NOT NULL DEFAULT '',
    total_inputs INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    cancelled_at REAL,
    cleared_at REAL                  -- when the caller said that it needs no more results
);
CREATE INDEX calls_by_app ON function_calls (app_id);
CREATE INDEX calls_by_function ON function_calls (function_id);
CREATE INDEX calls_by_parent ON function_calls (parent_input_id) WHERE parent_input_id != '';

CREATE TABLE inputs (
    input_id TEXT PRIMARY KEY,
    call_id TEXT NOT NULL,
    idx INTEGER NOT NULL,
    state INTEGER NOT NULL,          -- 0 waiting, 1 claimed by task_id, 2 finished
    status INTEGER NOT NULL DEFAULT 0,  -- api_pb2.GenericResult.GenericStatus once finished
    task_id TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,  -- attempts that failed
    crashes INTEGER NOT NULL DEFAULT 0,  -- of those, containers that died under it
    input BLOB NOT NULL,             -- serialised api_pb2.FunctionInput; emptied with its results
    started_at REAL,
    finished_at REAL,
    not_before REAL                  -- earliest start of a retry
);
CREATE UNIQUE INDEX inputs_by_call ON inputs (call_id, idx);
CREATE INDEX inputs_unfinished ON inputs (call_id) WHERE state < 2;

-- Results in the order of their arrival; `entry` is the cursor that clients hold.
CREATE TABLE outputs (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    call_id TEXT NOT NULL,
    input_id TEXT NOT NULL UNIQUE,
    idx INTEGER NOT NULL,
    output BLOB NOT NULL             -- serialised api_pb2.FunctionGetOutputsItem
);
CREATE INDEX outputs_by_call ON outputs (call_id, entry);

-- Chunks of generators and of web bodies.
CREATE TABLE data_chunks (
    call_id TEXT NOT NULL,
    direction INTEGER NOT NULL,      -- 0 in, 1 out
    idx INTEGER NOT NULL,
    chunk BLOB NOT NULL,             -- serialised api_pb2.DataChunk
    PRIMARY KEY (call_id, direction, idx)
) WITHOUT ROWID;

CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL,
    function_id TEXT NOT NULL,
    definition_id TEXT NOT NULL,
    image_id TEXT NOT NULL,
    state INTEGER NOT NULL,          -- api_pb2.TaskState
    gpu_devices TEXT NOT NULL DEFAULT '',  -- indices of the GPUs it holds, separated by commas
    enqueued_at REAL NOT NULL,
    started_at REAL,                 -- when its process ran
    ready_at REAL,                   -- when it first asked for an input
    finished_at REAL,
    exit_code INTEGER,
    exit_reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX tasks_by_app ON tasks (app_id);
CREATE INDEX tasks_live ON tasks (task_id) WHERE finished_at IS NULL;
