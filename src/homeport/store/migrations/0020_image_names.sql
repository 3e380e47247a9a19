-- Names of images: each publication is a row, the newest one of a name counts. Times are seconds since the epoch.

CREATE TABLE image_names (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,                  -- NAME:TAG
    image_id TEXT NOT NULL,
    published_at REAL NOT NULL
);
CREATE INDEX image_names_by_name ON image_names (environment, name, revision);
