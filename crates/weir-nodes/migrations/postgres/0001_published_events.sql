-- Which events workflows have published: a second attempt to publish the same one fails here, and adds nothing.
CREATE TABLE published_events (
    id text PRIMARY KEY,
    at timestamptz NOT NULL
);

CREATE INDEX published_events_by_age ON published_events (at);
