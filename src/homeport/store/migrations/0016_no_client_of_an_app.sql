-- It goes with the definitions now.
ALTER TABLE apps DROP COLUMN client_version;
