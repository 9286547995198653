-- EXTERNAL: PostgreSQL stores these columns as they come. The application compresses files, and
-- `compact` compresses blocks; compression by PostgreSQL took two thirds of its time in an upload.

ALTER TABLE ingest_measurement ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE ingest_sampleblock
    ALTER COLUMN offsets SET STORAGE EXTERNAL,
    ALTER COLUMN "values" SET STORAGE EXTERNAL;
