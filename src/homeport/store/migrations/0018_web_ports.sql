-- The port of each web function, so that its address is the same as long as the function exists.

CREATE TABLE web_ports (
    function_id TEXT NOT NULL,
    method TEXT NOT NULL,             -- of a class; empty for a function of its own
    port INTEGER NOT NULL,
    PRIMARY KEY (function_id, method)
) WITHOUT ROWID;
