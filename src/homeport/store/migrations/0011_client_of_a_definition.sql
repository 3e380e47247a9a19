-- Containers get the client that described their function, which is not always the one that made the app: an
-- app is deployed again after an upgrade.
ALTER TABLE functions ADD COLUMN client_version TEXT NOT NULL DEFAULT '';
UPDATE functions SET client_version = (SELECT client_version FROM apps WHERE apps.app_id = functions.app_id);
