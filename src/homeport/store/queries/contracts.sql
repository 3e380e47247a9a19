-- name: app_contract_put
INSERT INTO app_contracts (app_id, version, path, text, launcher)
VALUES (:app_id, :version, :path, :text, :launcher)
ON CONFLICT (app_id, version) DO UPDATE SET path = excluded.path, text = excluded.text, launcher = excluded.launcher;

-- name: app_contract
SELECT path, text, launcher FROM app_contracts WHERE app_id = :app_id AND version = :version;

-- name: contract_value_put
INSERT INTO contract_values (app, contract, name, value, run_id)
VALUES (:app, :contract, :name, :value, :run_id)
ON CONFLICT (app, contract, name, value) DO UPDATE SET run_id = excluded.run_id;

-- name: contract_values
SELECT value, run_id FROM contract_values WHERE app = :app AND contract = :contract AND name = :name;

-- name: app_contracts_forget
DELETE FROM app_contracts WHERE app_id = :app_id;
