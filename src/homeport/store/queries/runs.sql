-- name: run_insert
-- An app that is deployed again is the same run anew.
INSERT INTO runs (run_id, app_id, kind, state, app, environment, started_at)
VALUES (:run_id, :app_id, :kind, 'running', :app, :environment, :started_at)
ON CONFLICT (run_id) DO UPDATE SET kind = excluded.kind, state = 'running', app = excluded.app, outcome = '',
    contract = '', verdict = '', is_written = 0, started_at = excluded.started_at, ended_at = NULL;

-- name: run_call_insert
-- Of a deployed app's call, which may have ended by now.
INSERT INTO runs (run_id, app_id, kind, app, environment, function, launcher, started_at,
    state, outcome, ended_at, stands_for, is_written)
VALUES (:run_id, :app_id, :kind, :app, :environment, :function, :launcher, :started_at,
    :state, :outcome, :ended_at, :stands_for, :is_written);

-- name: run_calls_without_row
-- Of the newest calls of deployed apps, which are all kept, those that are runs without a row.
SELECT c.call_id AS run_id, c.app_id, COALESCE(apps.name, apps.description) AS app, apps.environment,
    COALESCE(functions.tag, '') AS function, c.created_at AS started_at
FROM function_calls c JOIN apps ON apps.app_id = c.app_id
LEFT JOIN functions ON functions.function_id = c.function_id
WHERE c.run_id = c.call_id AND c.rowid > (
    SELECT COALESCE(
        (SELECT newest.rowid FROM function_calls AS newest WHERE newest.call_id = (
            SELECT run_id FROM runs WHERE kind = 'call' ORDER BY started_at DESC LIMIT 1
        )), (SELECT max(rowid) FROM function_calls)
    ) - 1000
) AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = c.call_id);

-- name: run_call_tasks_insert
-- The containers that have, or had last, inputs of calls that are not written.
INSERT OR IGNORE INTO run_tasks (run_id, task_id)
SELECT runs.run_id, inputs.task_id FROM runs
JOIN function_calls USING (run_id) JOIN inputs USING (call_id)
WHERE NOT runs.is_written AND runs.kind IN ('call', 'schedule') AND inputs.task_id IS NOT NULL;

-- name: run_by_id
SELECT * FROM runs WHERE run_id = :run_id;

-- name: run_name_function
-- The first function that was called from outside.
UPDATE runs SET function = :function WHERE run_id = :run_id AND function = '';

-- name: run_end
UPDATE runs SET state = :state, outcome = :outcome, ended_at = :ended_at, stands_for = :stands_for,
    is_written = :is_written
WHERE run_id = :run_id AND ended_at IS NULL;

-- name: run_written
UPDATE runs SET is_written = 1, outcome = :outcome, contract = :contract,
    verdict = :verdict, state = :state, function = :function
WHERE run_id = :run_id;

-- name: run_verdict
UPDATE runs SET contract = :contract, verdict = :verdict WHERE run_id = :run_id;

-- name: run_restore
-- A row made again of its file.
INSERT INTO runs (run_id, app_id, kind, state, app, environment, function, outcome, contract, verdict, is_written,
    started_at, ended_at)
VALUES (:run_id, :app_id, :kind, :state, :app, :environment, :function, :outcome, :contract, :verdict, 1,
    :started_at, :ended_at)
ON CONFLICT (run_id) DO NOTHING;

-- name: run_delete
DELETE FROM runs WHERE run_id = :run_id;

-- name: run_call_forget
-- A call that is no run any more, so that no engine takes it for one without a row.
UPDATE function_calls SET run_id = '' WHERE call_id = :run_id;

-- name: run_tasks_delete
DELETE FROM run_tasks WHERE run_id = :run_id;

-- name: run_ids
SELECT run_id FROM runs;

-- name: runs_unwritten
-- Runs that go on, or whose end is not written down yet.
SELECT * FROM runs WHERE NOT is_written ORDER BY started_at;

-- name: runs_too_old
-- The oldest beyond those that are kept: of what somebody started, and of each function's calls and firings, which
-- come by the thousand, by themselves. Not deployments that are in use: their calls' records are made of them.
SELECT run_id FROM (
    SELECT run_id, kind, app_id, is_written, kind IN ('call', 'schedule') AS is_call, row_number() OVER (
        PARTITION BY kind IN ('call', 'schedule'), CASE WHEN kind IN ('call', 'schedule') THEN app || ' ' || function END
        ORDER BY started_at DESC
    ) AS place FROM runs
) AS runs
WHERE is_written AND place > CASE WHEN is_call THEN :kept_calls ELSE :kept END
    AND NOT (kind = 'deployment' AND EXISTS (
        SELECT 1 FROM apps WHERE apps.app_id = runs.app_id AND apps.stopped_at IS NULL
    ));

-- name: runs_removable
-- Those that have ended before a time and are not among the newest that are to be kept; the oldest first. Not
-- deployments that are in use: their calls' records are made of them.
SELECT run_id FROM (
    SELECT run_id, kind, app_id, is_written, started_at, ended_at, row_number() OVER (ORDER BY started_at DESC) AS place
    FROM runs
) AS runs
WHERE is_written AND place > :keep AND coalesce(ended_at, started_at) < :before
    AND NOT (kind = 'deployment' AND EXISTS (
        SELECT 1 FROM apps WHERE apps.app_id = runs.app_id AND apps.stopped_at IS NULL
    ))
ORDER BY started_at;

-- name: run_tasks_unneeded
-- Containers of a run that have ended and that no run needs any more whose record is not written.
SELECT tasks.task_id, tasks.app_id FROM run_tasks JOIN tasks USING (task_id)
WHERE run_tasks.run_id = :run_id AND tasks.finished_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM run_tasks AS others JOIN runs USING (run_id)
    WHERE others.task_id = run_tasks.task_id AND NOT runs.is_written
);

-- name: run_task_unneeded
-- Whether that is so of one container.
SELECT 1 FROM tasks WHERE task_id = :task_id AND finished_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM run_tasks JOIN runs USING (run_id)
    WHERE run_tasks.task_id = tasks.task_id AND NOT runs.is_written
);

-- name: runs_found
-- Rows by filters, each of which an empty value leaves out; the newest first.
SELECT * FROM runs
WHERE (:state = '' OR state = :state)
    AND (:app = '' OR app = :app OR app_id = :app)
    AND (:kind = '' OR kind = :kind)
    AND (:function = '' OR function = :function)
    AND (:verdict = '' OR verdict = :verdict)
    AND started_at >= :since
    AND (:pattern = '' OR run_id LIKE :pattern ESCAPE '\' OR app || ' ' || function LIKE :pattern ESCAPE '\'
        OR outcome LIKE :pattern ESCAPE '\' OR contract LIKE :pattern ESCAPE '\')
ORDER BY started_at DESC, rowid DESC -- as the index has them
LIMIT :limit OFFSET :offset;

-- name: runs_counted
SELECT count(*) AS runs FROM runs
WHERE (:state = '' OR state = :state)
    AND (:app = '' OR app = :app OR app_id = :app)
    AND (:kind = '' OR kind = :kind)
    AND (:function = '' OR function = :function)
    AND (:verdict = '' OR verdict = :verdict)
    AND started_at >= :since
    AND (:pattern = '' OR run_id LIKE :pattern ESCAPE '\' OR app || ' ' || function LIKE :pattern ESCAPE '\'
        OR outcome LIKE :pattern ESCAPE '\' OR contract LIKE :pattern ESCAPE '\');

-- name: run_apps
SELECT DISTINCT app FROM runs ORDER BY app;

-- name: runs_by_prefix
SELECT run_id FROM runs WHERE substr(run_id, 1, length(:prefix)) = :prefix ORDER BY started_at DESC LIMIT 5;

-- name: run_latest
-- Firings of a schedule come by themselves: nobody means them while there is another run.
SELECT run_id FROM runs ORDER BY kind = 'schedule', started_at DESC, run_id LIMIT 1;

-- name: run_newest_ids
SELECT run_id FROM runs ORDER BY started_at DESC LIMIT 200;

-- name: run_task_insert
INSERT OR IGNORE INTO run_tasks (run_id, task_id) VALUES (:run_id, :task_id);

-- name: run_tasks
-- The containers of a run, and the function of each, or which Sandbox it is.
SELECT tasks.*, coalesce(functions.tag, 'Sandbox ' || coalesce(nullif(sandboxes.name, ''), sandboxes.sandbox_id)) AS tag
FROM run_tasks
JOIN tasks USING (task_id)
LEFT JOIN functions USING (function_id)
LEFT JOIN sandboxes ON sandboxes.sandbox_id = tasks.function_id
WHERE run_tasks.run_id = :run_id
ORDER BY tasks.enqueued_at;

-- name: run_calls
-- The calls of a run, the first first, with the counts of their inputs.
SELECT c.call_id, c.function_id, c.app_id, c.kind, c.parent_input_id, c.total_inputs, c.created_at, c.cancelled_at,
    functions.definition_id, functions.params, (SELECT t.definition_id FROM inputs i JOIN tasks t ON t.task_id = i.task_id
        WHERE i.call_id = c.call_id ORDER BY i.idx LIMIT 1) AS task_definition_id,
    functions.tag AS tag, parents.call_id AS parent, parents.run_id AS parent_run_id,
    (SELECT f.tag FROM functions f WHERE f.function_id = parents.function_id) AS parent_tag,
    (SELECT COUNT(*) FROM inputs i WHERE i.call_id = c.call_id AND i.state = 2 AND i.status = 1) AS succeeded,
    (SELECT COUNT(*) FROM inputs i WHERE i.call_id = c.call_id AND i.state = 2 AND i.status != 1) AS failed,
    (SELECT MIN(i.started_at) FROM inputs i WHERE i.call_id = c.call_id) AS started_at,
    (SELECT MAX(i.finished_at) FROM inputs i WHERE i.call_id = c.call_id) AS finished_at
FROM function_calls c LEFT JOIN functions USING (function_id)
LEFT JOIN inputs AS parent_inputs ON parent_inputs.input_id = c.parent_input_id
LEFT JOIN function_calls AS parents ON parents.call_id = parent_inputs.call_id
WHERE c.run_id = :run_id
ORDER BY c.created_at
LIMIT :limit;

-- name: run_first_input
SELECT input FROM inputs WHERE call_id = :call_id ORDER BY idx LIMIT 1;

-- name: run_first_failure
-- What went wrong first in a run: the output of an input that did not succeed.
SELECT outputs.output, functions.tag AS tag, inputs.status AS status, inputs.input AS input
FROM function_calls c
JOIN inputs ON inputs.call_id = c.call_id AND inputs.state = 2 AND inputs.status != 1
JOIN outputs ON outputs.input_id = inputs.input_id
LEFT JOIN functions ON functions.function_id = c.function_id
WHERE c.run_id = :run_id
ORDER BY inputs.status = 3, inputs.finished_at
LIMIT 1;

-- name: run_inputs_of_task
SELECT COUNT(*) AS inputs FROM inputs WHERE task_id = :task_id;

-- name: run_call_outcomes
-- Of calls, by JSON of their ids: their inputs, those that succeeded, those that were ended, when the last one was done.
SELECT call_id, COUNT(*) AS total, SUM(state = 2 AND status = 1) AS succeeded,
    SUM(state = 2 AND status = 3) AS terminated, MAX(finished_at) AS done_at
FROM inputs WHERE call_id IN (SELECT value FROM json_each(:call_ids)) GROUP BY call_id;

-- name: run_of_task
-- Whether the record of some run still needs what a container leaves.
SELECT run_id FROM run_tasks JOIN runs USING (run_id) WHERE task_id = :task_id AND NOT is_written LIMIT 1;

-- name: run_tasks_live
SELECT run_tasks.task_id, functions.tag FROM run_tasks JOIN tasks USING (task_id)
LEFT JOIN functions ON functions.function_id = tasks.function_id
WHERE run_tasks.run_id = :run_id AND tasks.finished_at IS NULL;

-- name: runs_going_on
-- Runs without an end, and whether nothing works for them any more: an app that has stopped, a call whose inputs all
-- have their results.
SELECT runs.run_id, runs.app_id, runs.kind,
    CASE WHEN runs.run_id = runs.app_id THEN apps.stopped_at IS NOT NULL
        OR (runs.kind = 'deployment' AND apps.name IS NOT NULL)
    ELSE NOT EXISTS (SELECT 1 FROM inputs WHERE inputs.call_id = runs.run_id AND inputs.state < 2) END AS is_done,
    CASE WHEN runs.run_id = runs.app_id THEN apps.stopped_at
    ELSE (SELECT max(finished_at) FROM inputs WHERE inputs.call_id = runs.run_id) END AS done_at
FROM runs LEFT JOIN apps ON apps.app_id = runs.app_id
WHERE NOT runs.is_written AND runs.ended_at IS NULL
ORDER BY runs.started_at;

-- name: run_deployed
UPDATE runs SET kind = 'deployment', app = :app WHERE run_id = :run_id;

-- name: run_app
SELECT * FROM apps WHERE app_id = :app_id;

-- name: run_image
SELECT metadata, env, notes FROM images WHERE image_id = :image_id;


-- name: run_handles
-- What the functions that a run called say of themselves, and did when its containers began.
SELECT definition_id, handle_metadata FROM definitions WHERE definition_id IN (
    SELECT functions.definition_id FROM function_calls c JOIN functions USING (function_id) WHERE c.run_id = :run_id
    UNION SELECT tasks.definition_id FROM run_tasks JOIN tasks USING (task_id) WHERE run_tasks.run_id = :run_id
);

-- name: run_trees
-- The folders of what some mounts brought, by JSON of their ids.
SELECT DISTINCT mount_trees.folder FROM mounts JOIN mount_trees USING (checksum)
WHERE mounts.mount_id IN (SELECT value FROM json_each(:mount_ids)) ORDER BY mount_trees.folder;

-- name: run_app_tasks
SELECT task_id FROM tasks WHERE app_id = :app_id AND function_id NOT IN (
    SELECT function_id FROM functions WHERE is_build_step
);

-- name: secret_hand
INSERT OR IGNORE INTO handed_secrets (app_id, value) VALUES (:app_id, :value);

-- name: secrets_handed
SELECT value FROM handed_secrets WHERE app_id = :app_id;

-- name: secrets_handed_sweep
DELETE FROM handed_secrets WHERE app_id IN (SELECT app_id FROM apps WHERE stopped_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.app_id = handed_secrets.app_id AND NOT is_written)
RETURNING app_id;
