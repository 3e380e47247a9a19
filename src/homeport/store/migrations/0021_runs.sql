-- Runs: a row for each, which lists and filters are answered from. What a run was made of lies in the folder runs/;
-- a row can be made again of the file there.

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL,
    kind TEXT NOT NULL,                    -- record.run.Kind
    state TEXT NOT NULL,                   -- record.run.State
    app TEXT NOT NULL,                     -- the app's name
    environment TEXT NOT NULL,
    function TEXT NOT NULL DEFAULT '',     -- the first that was called from outside, by its tag
    outcome TEXT NOT NULL DEFAULT '',      -- a sentence
    contract TEXT NOT NULL DEFAULT '',     -- the contract's name
    verdict TEXT NOT NULL DEFAULT '',      -- record.run.Verdict
    launcher TEXT NOT NULL DEFAULT '',     -- of a call: the file in runs/callers that says who made it
    stands_for TEXT NOT NULL DEFAULT '',   -- of a call without a file: a neighbour whose file tells the same
    is_written INTEGER NOT NULL DEFAULT 0, -- whether all that will be written of it is
    started_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_unwritten ON runs (run_id) WHERE NOT is_written;

-- Which containers worked for a run: those of an app's own run, and those that were given inputs of a call.
CREATE TABLE run_tasks (
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    PRIMARY KEY (run_id, task_id)
) WITHOUT ROWID;
CREATE INDEX run_tasks_by_task ON run_tasks (task_id);

ALTER TABLE function_calls ADD COLUMN run_id TEXT NOT NULL DEFAULT '';  -- '' where it belongs to none
CREATE INDEX calls_by_run ON function_calls (run_id) WHERE run_id != '';

ALTER TABLE tasks ADD COLUMN cpu_time_s REAL NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN memory_peak_bytes INTEGER NOT NULL DEFAULT 0;
