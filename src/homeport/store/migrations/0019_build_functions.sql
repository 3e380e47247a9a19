-- The function of an image's run_function, which its stored definition does not name: for building it again.

ALTER TABLE images ADD COLUMN build_function_id TEXT NOT NULL DEFAULT '';
