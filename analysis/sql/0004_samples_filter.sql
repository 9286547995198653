-- The view of samples refuses a filter on time alone, which would read every block of a series, and
-- names the function that does not. PostgreSQL evaluates the check once, before it reads a row.

CREATE FUNCTION analytics.require_block_filter() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
AS $$
DECLARE
    statement text := lower(current_query());
BEGIN
    IF statement ~ '\manalytics"?\s*\.\s*"?samples\M'
        AND statement !~ '\mblock_(first|last)\M'
        AND statement ~ '(\mtime"?\s*(<|>|=|between\M))|((<|>|=)\s*(\w+\.)?"?time\M)'
    THEN
        RAISE EXCEPTION 'a filter on "time" of analytics.samples reads every block'
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Use analytics.samples_between(identity, name, from, to), or filter on '
                         'block_first and block_last as well.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION analytics.require_block_filter IS
'Raises an error if the statement filters analytics.samples on "time" and not on block_first or block_last.';

CREATE OR REPLACE VIEW analytics.samples AS
SELECT i.name::text AS identity,
       b.name::text AS name,
       'epoch'::timestamptz + s.time_us * interval '1 microsecond' AS "time",
       s.value,
       'epoch'::timestamptz + b.first_ms * interval '1 millisecond' AS block_first,
       'epoch'::timestamptz + b.last_ms * interval '1 millisecond' AS block_last
FROM ingest_sampleblock b
JOIN identities_identity i ON i.id = b.identity_id
CROSS JOIN LATERAL unnest(
    analytics.block_times_us(
        b.hour, b.first_ms, b.encoding, b.offsets, b.time_steps, b.sample_count
    ),
    analytics.block_values(b.scale, b.minimum, b."values", b.integers, b.small_integers)
) AS s(time_us, value)
WHERE analytics.require_block_filter();

COMMENT ON VIEW analytics.samples IS
'Every sample. A filter on "time" alone would read all blocks and is refused: filter on block_first and block_last too, or use analytics.samples_between.';
