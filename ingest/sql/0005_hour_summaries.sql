-- The key carries the two numbers that pages of many identities add up, so that they need not read
-- the rows.

ALTER TABLE ingest_hoursummary DROP CONSTRAINT ingest_hoursummary_pkey;
ALTER TABLE ingest_hoursummary ADD CONSTRAINT ingest_hoursummary_pkey
    PRIMARY KEY (identity_id, name, hour) INCLUDE (sample_count, covered_ms);

-- The next run of `compact` summarises the hours that are compacted already.
UPDATE ingest_sampleblock SET compacted = false WHERE compacted;
