//! Workflow drafts as live documents: rooms, their log, and what clients and server say to each other.
//!
//! Invariants: the log in the database is the truth, and the order in it is the only one; an edit is acknowledged after
//! it is in the log; a document that cannot be read drops nobody's edits; no client makes another wait or the memory
//! grow. Knows the workflow document, and nothing of versions or of publishing.

mod document;
