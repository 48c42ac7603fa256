-- Bytes of uploaded files and large values, by workspace.
CREATE TABLE stored_bytes (
    workspace_id uuid PRIMARY KEY,
    bytes        bigint NOT NULL
);
