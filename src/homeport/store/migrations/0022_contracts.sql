-- What homeport.toml said when an app was created, or one of its versions deployed; what runs of a contract showed
-- that runs of another must not show.

CREATE TABLE app_contracts (
    app_id TEXT NOT NULL,
    version INTEGER NOT NULL,  -- of the deployment; 0 for an app that was not deployed
    path TEXT NOT NULL,        -- of the file on the launcher, '' where there was none
    text TEXT NOT NULL,
    launcher BLOB NOT NULL,    -- record.run.Launcher as JSON
    PRIMARY KEY (app_id, version)
) WITHOUT ROWID;

CREATE TABLE contract_values (
    app TEXT NOT NULL,         -- the app's name
    contract TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run_id TEXT NOT NULL,      -- the last that showed it
    PRIMARY KEY (app, contract, name, value)
) WITHOUT ROWID;
