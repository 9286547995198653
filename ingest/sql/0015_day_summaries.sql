-- The next run of `compact` compacts the first hour of each day again and summarises the day.
UPDATE ingest_sampleblock AS b SET compacted = false
WHERE b.compacted AND NOT EXISTS (
    SELECT 1 FROM ingest_sampleblock e
    WHERE e.identity_id = b.identity_id AND e.name = b.name
      AND e.hour BETWEEN b.hour / 24 * 24 AND b.hour - 1
);
