-- Variants of a function: made of another function by parameters of its class and by options. Their definition
-- is empty; it is made from the other's.

ALTER TABLE functions ADD COLUMN base_id TEXT REFERENCES functions (function_id);  -- NULL for others
ALTER TABLE functions ADD COLUMN params BLOB NOT NULL DEFAULT x'';   -- as they came, for the container
ALTER TABLE functions ADD COLUMN options BLOB NOT NULL DEFAULT x'';  -- serialised api_pb2.FunctionOptions
CREATE UNIQUE INDEX functions_by_variant ON functions (base_id, params, options) WHERE base_id IS NOT NULL;
