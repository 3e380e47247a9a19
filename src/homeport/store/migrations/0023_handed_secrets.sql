-- Values of Secrets that containers of an app were given, so that its runs' records can leave them out, also when the
-- Secrets have changed since. They go once the app has stopped and its records are written.

CREATE TABLE handed_secrets (
    app_id TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (app_id, value)
) WITHOUT ROWID;
