-- name: function_insert
-- A function of an app, perhaps without its definition yet (FunctionPrecreate).
INSERT INTO functions (function_id, definition_id, app_id, tag, definition, handle_metadata, is_build_step,
                       client_version, created_at)
VALUES (:function_id, :definition_id, :app_id, :tag, :definition, :handle_metadata, :is_build_step,
        :client_version, :created_at);

-- name: function_define
-- Gives a function a new definition; overrides of its autoscaler end with it, as on Modal.
UPDATE functions
SET definition_id = :definition_id, tag = :tag, definition = :definition,
    handle_metadata = :handle_metadata, is_build_step = :is_build_step, client_version = :client_version,
    autoscaler = x''
WHERE function_id = :function_id;

-- name: function_set_autoscaler
UPDATE functions SET autoscaler = :autoscaler WHERE function_id = :function_id;

-- name: function_by_id
SELECT * FROM functions WHERE function_id = :function_id;

-- name: functions_of_app
SELECT function_id, tag, handle_metadata FROM functions
WHERE app_id = :app_id AND base_id IS NULL AND NOT is_build_step;

-- name: function_app
-- What functions and their containers need to know of their app.
SELECT app_id, environment, name, description, state, detached, client_version
FROM apps WHERE app_id = :app_id;

-- name: functions_of_live_apps
-- Functions and variants that may have to keep containers running although nothing waits.
SELECT f.function_id FROM functions f JOIN apps a ON a.app_id = f.app_id
WHERE a.stopped_at IS NULL AND (length(f.definition) > 0 OR f.base_id IS NOT NULL);

-- name: variant_insert
-- A function made of another one. Its definition is that of the other, with the options over it.
INSERT INTO functions (function_id, definition_id, app_id, tag, definition, handle_metadata, created_at,
                       base_id, params, options)
VALUES (:function_id, :definition_id, :app_id, :tag, x'', x'', :created_at, :base_id, :params, :options);

-- name: variant
SELECT function_id FROM functions WHERE base_id = :base_id AND params = :params AND options = :options;

-- name: variants_of_function
SELECT function_id, params, options FROM functions WHERE base_id = :base_id
ORDER BY created_at DESC;

-- name: variants_reset
-- With a new definition, overrides of variants' autoscalers end too.
UPDATE functions SET autoscaler = x'' WHERE base_id = :base_id;
