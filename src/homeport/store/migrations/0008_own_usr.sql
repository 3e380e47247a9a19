-- Images whose layers carry a /usr of their own (0) beside those that lie over this machine's (1).

ALTER TABLE images ADD COLUMN host_usr INTEGER NOT NULL DEFAULT 1;
