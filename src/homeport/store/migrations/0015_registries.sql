-- Images of registries, and what stands for some of them.

-- Which image a name meant when it was last asked for.
CREATE TABLE image_references (
    reference TEXT PRIMARY KEY,  -- whole: docker.io/library/ubuntu:22.04
    layer TEXT NOT NULL,         -- folder name; empty where a local base stands for it
    digest TEXT NOT NULL,
    note TEXT NOT NULL,          -- why a local base stands for it
    at REAL NOT NULL
) WITHOUT ROWID;

-- `homeport image alias`: what stands for images whose names fit a pattern.
CREATE TABLE image_aliases (
    pattern TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID;
