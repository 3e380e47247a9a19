-- Large values of Dicts lie in files, since a database takes a second to write what a file takes in a tenth.

ALTER TABLE dict_entries ADD COLUMN file TEXT;      -- its name; the value is then empty
ALTER TABLE dict_entries ADD COLUMN file_bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX dict_entries_by_file ON dict_entries (file) WHERE file IS NOT NULL;
