-- name: call_insert
INSERT INTO function_calls (call_id, function_id, app_id, kind, invocation, parent_input_id, total_inputs,
    created_at, is_of_spawn_map, run_id)
VALUES (:call_id, :function_id, :app_id, :kind, :invocation, :parent_input_id, :total_inputs, :created_at,
    :is_of_spawn_map, :run_id);

-- name: call_by_id
SELECT * FROM function_calls WHERE call_id = :call_id;

-- name: call_count_inputs
-- Keeps the number of inputs beside the call, so that no poll has to count rows.
UPDATE function_calls SET total_inputs = total_inputs + :added WHERE call_id = :call_id;

-- name: call_cancel
UPDATE function_calls SET cancelled_at = :now WHERE call_id = :call_id AND cancelled_at IS NULL;

-- name: call_clear
-- The caller has all it wanted; the results go with the next sweep.
UPDATE function_calls SET cleared_at = :now WHERE call_id = :call_id AND cleared_at IS NULL;

-- name: calls_of_function
-- The newest calls of a function, with the counts that FunctionCallList reports by status.
SELECT c.call_id, c.created_at, c.total_inputs,
    (SELECT COUNT(*) FROM inputs i WHERE i.call_id = c.call_id AND i.state < 2) AS pending,
    (SELECT COUNT(*) FROM inputs i WHERE i.call_id = c.call_id AND i.state = 2 AND i.status = 1) AS succeeded,
    (SELECT COUNT(*) FROM inputs i WHERE i.call_id = c.call_id AND i.state = 2 AND i.status = 4) AS timed_out,
    (SELECT COUNT(*) FROM inputs i WHERE i.call_id = c.call_id AND i.state = 2 AND i.status = 3) AS cancelled,
    (SELECT COUNT(*) FROM inputs i
     WHERE i.call_id = c.call_id AND i.state = 2 AND i.status NOT IN (1, 3, 4)) AS failed
FROM function_calls c
WHERE c.function_id = :function_id
ORDER BY c.created_at DESC
LIMIT :limit;

-- name: call_outcomes
-- One call's inputs counted by state and status.
SELECT state, status, COUNT(*) AS inputs FROM inputs WHERE call_id = :call_id GROUP BY state, status;

-- name: input_insert
-- An index that the call has already keeps its first input: the same request may come twice.
INSERT INTO inputs (input_id, call_id, idx, state, input)
VALUES (:input_id, :call_id, :idx, 0, :input)
ON CONFLICT (call_id, idx) DO NOTHING;

-- name: input_claim
-- Gives a waiting input to a task, and answers what the task has to compute.
UPDATE inputs SET state = 1, task_id = :task_id, started_at = :now
WHERE input_id = :input_id
RETURNING input;

-- name: input_payload
SELECT input FROM inputs WHERE input_id = :input_id;

-- name: input_requeue
-- Puts an input back: its attempt failed and may be repeated, or its container went away.
UPDATE inputs
SET state = 0, task_id = NULL, started_at = NULL, attempt = :attempt, crashes = :crashes,
    not_before = :not_before
WHERE input_id = :input_id AND state < 2;

-- name: input_finish
UPDATE inputs SET state = 2, status = :status, finished_at = :now, task_id = COALESCE(:task_id, task_id)
WHERE input_id = :input_id AND state < 2;

-- name: inputs_unfinished_with_calls
-- All that an engine has to take up again when it starts.
SELECT i.input_id, i.call_id, i.idx, i.state, i.task_id, i.attempt, i.crashes, i.started_at, i.not_before,
    c.function_id, c.app_id, c.kind, c.invocation, c.parent_input_id, c.total_inputs, c.created_at,
    c.cancelled_at, c.is_of_spawn_map, c.run_id
FROM inputs i JOIN function_calls c ON c.call_id = i.call_id
WHERE i.state < 2
ORDER BY c.created_at, i.idx;

-- name: inputs_unfinished_of_call
SELECT input_id, idx FROM inputs WHERE call_id = :call_id AND state < 2;

-- name: inputs_count_unfinished
SELECT COUNT(*) AS unfinished FROM inputs WHERE call_id = :call_id AND state < 2;

-- name: inputs_of_call
-- What the call graph shows of a call.
SELECT input_id, idx, state, status, task_id, started_at, finished_at FROM inputs
WHERE call_id = :call_id ORDER BY idx LIMIT :limit;

-- name: calls_below_input
SELECT call_id, function_id, parent_input_id FROM function_calls WHERE parent_input_id = :input_id;

-- name: input_call
SELECT call_id FROM inputs WHERE input_id = :input_id;

-- name: output_insert
-- The first result of an input stands; a repeated one changes nothing.
INSERT INTO outputs (call_id, input_id, idx, output)
VALUES (:call_id, :input_id, :idx, :output)
ON CONFLICT (input_id) DO NOTHING;

-- name: outputs_after
SELECT entry, output FROM outputs WHERE call_id = :call_id AND entry > :entry
ORDER BY entry LIMIT :limit;

-- name: outputs_between
SELECT entry, output FROM outputs WHERE call_id = :call_id AND idx BETWEEN :start AND :end ORDER BY idx;

-- name: chunk_insert
-- A generator that runs again after a crash produces the same indices; the first chunk stands.
INSERT INTO data_chunks (call_id, direction, idx, chunk)
VALUES (:call_id, :direction, :idx, :chunk)
ON CONFLICT (call_id, direction, idx) DO NOTHING;

-- name: chunks_after
SELECT idx, chunk FROM data_chunks
WHERE call_id = :call_id AND direction = :direction AND idx > :idx ORDER BY idx LIMIT :limit;

-- name: chunks_delete
DELETE FROM data_chunks WHERE call_id = :call_id;

-- name: sweep_outputs
-- Results whose caller is done with them, or that nobody fetched in time.
DELETE FROM outputs WHERE call_id IN (
    SELECT call_id FROM function_calls WHERE cleared_at < :cleared_before OR created_at < :created_before
) AND input_id IN (SELECT input_id FROM inputs WHERE state = 2);

-- name: sweep_chunks
DELETE FROM data_chunks WHERE call_id IN (
    SELECT call_id FROM function_calls WHERE cleared_at < :cleared_before OR created_at < :created_before
) AND NOT EXISTS (SELECT 1 FROM inputs i WHERE i.call_id = data_chunks.call_id AND i.state < 2);

-- name: sweep_payloads
-- Arguments of finished inputs; the row stays for call graphs and records.
UPDATE inputs SET input = x'' WHERE state = 2 AND input != x'' AND call_id IN (
    SELECT call_id FROM function_calls WHERE cleared_at < :cleared_before OR created_at < :created_before
);

-- name: input_at
-- The input that already stands at this place of a call: the same request came twice.
SELECT input_id FROM inputs WHERE call_id = :call_id AND idx = :idx;
