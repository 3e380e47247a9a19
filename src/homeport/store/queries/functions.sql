-- name: function_insert
-- A function of an app, with the id of the definition that is in effect until its app is published.
INSERT INTO functions (function_id, definition_id, app_id, tag, is_build_step, created_at)
VALUES (:function_id, :definition_id, :app_id, :tag, :is_build_step, :created_at)
ON CONFLICT (function_id) DO UPDATE SET is_build_step = excluded.is_build_step;

-- name: definition_insert
INSERT INTO definitions (definition_id, function_id, definition, handle_metadata, client_version, created_at)
VALUES (:definition_id, :function_id, :definition, :handle_metadata, :client_version, :created_at);

-- name: definition_copy
-- The same once more, so that containers of the old one are outdated.
INSERT INTO definitions (definition_id, function_id, definition, handle_metadata, client_version, created_at)
SELECT :definition_id, function_id, definition, handle_metadata, client_version, :created_at
FROM definitions WHERE definition_id = :copied_id;

-- name: definition_by_id
SELECT * FROM definitions WHERE definition_id = :definition_id;

-- name: newest_definition
SELECT definition_id FROM definitions WHERE function_id = :function_id ORDER BY created_at DESC, rowid DESC LIMIT 1;

-- name: definition_put_in_effect
-- For the function's variants too. Overrides of the autoscaler end with it, as on Modal.
UPDATE functions SET definition_id = :definition_id, autoscaler = x''
WHERE function_id = :function_id OR base_id = :function_id;

-- name: function_set_autoscaler
UPDATE functions SET autoscaler = :autoscaler WHERE function_id = :function_id;

-- name: function_by_id
-- With the definition that is in effect; that of a variant is that of the function it was made of.
SELECT functions.*, definitions.definition, definitions.handle_metadata, definitions.client_version
FROM functions JOIN definitions USING (definition_id)
WHERE functions.function_id = :function_id;

-- name: functions_of_app
SELECT functions.function_id, definition_id, handle_metadata FROM functions JOIN definitions USING (definition_id)
WHERE app_id = :app_id AND base_id IS NULL AND NOT is_build_step;

-- name: function_app
-- What functions and their containers need to know of their app.
SELECT app_id, environment, name, description, state, detached
FROM apps WHERE app_id = :app_id;

-- name: published_functions
-- The functions and variants of the newest versions of apps that are not stopped; of one app, or of all for ''.
SELECT functions.function_id FROM apps
JOIN app_versions ON app_versions.app_id = apps.app_id
    AND version = (SELECT max(version) FROM app_versions AS newest WHERE newest.app_id = apps.app_id)
JOIN json_each(app_versions.function_ids) AS entry
JOIN functions ON functions.app_id = apps.app_id
    AND (functions.function_id = entry.value OR functions.base_id = entry.value)
JOIN definitions USING (definition_id)
WHERE apps.stopped_at IS NULL AND :app_id IN ('', apps.app_id) AND length(definitions.definition) > 0;

-- name: variant_insert
-- A function made of another one. Its definition is that of the other, with the options over it.
INSERT INTO functions (function_id, definition_id, app_id, tag, created_at, base_id, params, options)
VALUES (:function_id, :definition_id, :app_id, :tag, :created_at, :base_id, :params, :options);

-- name: variant
SELECT function_id FROM functions WHERE base_id = :base_id AND params = :params AND options = :options;

-- name: variants_of_function
SELECT function_id, params, options FROM functions WHERE base_id = :base_id
ORDER BY created_at DESC;
