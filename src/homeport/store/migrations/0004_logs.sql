-- Which call a line of output belongs to: the input that its container had at the time. The end is in the index
-- so that a container that had many inputs is searched without looking each of them up.

CREATE INDEX inputs_by_task ON inputs (task_id, started_at, finished_at) WHERE task_id IS NOT NULL;
