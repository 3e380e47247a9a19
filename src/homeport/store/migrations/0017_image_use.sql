-- When an image was last asked for, for the cache's limit: the one that was used the longest ago goes first.

ALTER TABLE images ADD COLUMN used_at REAL;
