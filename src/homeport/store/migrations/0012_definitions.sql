-- Definitions of functions, each for itself: those of an app's versions are kept, so that a rollback can put an older
-- one in effect again, and a new one takes effect when its app is published. `functions.definition_id` is the one in
-- effect.

CREATE TABLE definitions (
    definition_id TEXT PRIMARY KEY,
    function_id TEXT NOT NULL REFERENCES functions (function_id),
    definition BLOB NOT NULL,        -- serialised api_pb2.FunctionData; empty until FunctionCreate
    handle_metadata BLOB NOT NULL,   -- serialised api_pb2.FunctionHandleMetadata
    client_version TEXT NOT NULL,    -- of the client that described it; '' is the engine's own
    created_at REAL NOT NULL
);
CREATE INDEX definitions_by_function ON definitions (function_id, created_at);

INSERT INTO definitions
SELECT definition_id, function_id, definition, handle_metadata, client_version, created_at
FROM functions WHERE base_id IS NULL;

UPDATE functions SET definition_id = (
    SELECT definition_id FROM functions AS base WHERE base.function_id = functions.base_id
) WHERE base_id IS NOT NULL;

ALTER TABLE functions DROP COLUMN definition;
ALTER TABLE functions DROP COLUMN handle_metadata;
ALTER TABLE functions DROP COLUMN client_version;

ALTER TABLE app_versions ADD COLUMN type INTEGER NOT NULL DEFAULT 1;  -- api_pb2.DeploymentType
ALTER TABLE app_versions ADD COLUMN rollback_version INTEGER NOT NULL DEFAULT 0;  -- which one it brought back
