-- The row of the live document's log that the draft has: it may have more. The revision counts those rows as well.
ALTER TABLE workflows ADD COLUMN draft_seq INTEGER NOT NULL DEFAULT 0;
