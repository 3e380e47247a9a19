-- Addresses of web functions.

-- name: web_port
SELECT port FROM web_ports WHERE function_id = :function_id AND method = :method;

-- name: web_port_insert
INSERT INTO web_ports (function_id, method, port) VALUES (:function_id, :method, :port);
