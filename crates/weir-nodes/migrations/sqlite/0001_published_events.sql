-- Which events workflows have published: a second attempt to publish the same one fails here, and adds nothing.
CREATE TABLE published_events (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX published_events_by_age ON published_events (at);
