-- Calls that one spawn_map made: when their app loses its client, they go on together.

ALTER TABLE function_calls ADD COLUMN is_of_spawn_map INTEGER NOT NULL DEFAULT 0;
