-- Who runs an image's RUN steps, as USER says; empty for its root.

ALTER TABLE images ADD COLUMN user TEXT NOT NULL DEFAULT '';
