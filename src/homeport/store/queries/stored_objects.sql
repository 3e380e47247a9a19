-- Queries of Dicts and Queues as objects that have a name and a life, and of remembered answers.

-- name: stored_object_by_id
SELECT * FROM stored_objects WHERE object_id = :object_id AND kind = :kind;

-- name: stored_object_by_name
SELECT * FROM stored_objects WHERE kind = :kind AND environment = :environment AND name = :name;

-- Named ones made before a time, newest first.
-- name: stored_objects_before
SELECT * FROM stored_objects
WHERE kind = :kind AND environment = :environment AND name IS NOT NULL AND created_at < :before
ORDER BY created_at DESC
LIMIT :limit;

-- name: add_stored_object
INSERT INTO stored_objects (object_id, kind, environment, name, created_at, heartbeat_at)
VALUES (:object_id, :kind, :environment, :name, :created_at, :heartbeat_at);

-- Takes all that it holds with it.
-- name: delete_stored_object
DELETE FROM stored_objects WHERE object_id = :object_id;

-- name: stored_object_heartbeat
UPDATE stored_objects SET heartbeat_at = :now WHERE object_id = :object_id AND heartbeat_at IS NOT NULL;

-- While no engine ran, no client could show that it lives.
-- name: excuse_ephemeral_objects
UPDATE stored_objects SET heartbeat_at = :now WHERE heartbeat_at IS NOT NULL;

-- name: silent_ephemeral_objects
SELECT object_id FROM stored_objects WHERE kind = :kind AND heartbeat_at <= :limit;

-- name: next_silent_ephemeral_object
SELECT MIN(heartbeat_at) AS heartbeat_at FROM stored_objects WHERE kind = :kind AND heartbeat_at IS NOT NULL;

-- Answers to requests that may come again --

-- name: answer_to_request
SELECT answer FROM request_answers WHERE request = :request;

-- name: remember_answer
INSERT INTO request_answers (request, answer, answered_at) VALUES (:request, :answer, :now);

-- name: forget_answers
DELETE FROM request_answers WHERE answered_at <= :before;

-- name: oldest_answer
SELECT MIN(answered_at) AS answered_at FROM request_answers;

-- While no engine ran, no client could ask again.
-- name: keep_answers
UPDATE request_answers SET answered_at = :now;
