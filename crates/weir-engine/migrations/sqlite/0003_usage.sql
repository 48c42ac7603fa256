-- Bytes of uploaded files and large values, by workspace.
CREATE TABLE stored_bytes (
    workspace_id BLOB NOT NULL PRIMARY KEY,
    bytes        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
