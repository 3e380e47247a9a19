-- Functions that builds of images call (Image.run_function): no app calls them, and what they print is the build's.

ALTER TABLE functions ADD COLUMN is_build_step INTEGER NOT NULL DEFAULT 0;
