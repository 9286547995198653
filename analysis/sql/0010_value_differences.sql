-- Values that compaction stores as differences of one byte: see ingest/storage/value_differences.py.
-- A loop reads them twice as fast as a window over generate_series.

CREATE FUNCTION analytics.block_values(
    in_scale smallint, in_minimum double precision, in_values double precision[],
    in_integers integer[], in_small_integers smallint[], in_differences bytea
)
RETURNS double precision[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    -- The quotient of two exact doubles is the double of the decimal; pow() need not be exact.
    power CONSTANT float8 :=
        ('{1,1e1,1e2,1e3,1e4,1e5,1e6,1e7,1e8,1e9,1e10,1e11,1e12,1e13,1e14,1e15}'::float8[])
        [in_scale + 1];
    minimum CONSTANT float8 := round(in_minimum * power);
    -- In memory: get_byte would fetch a stored value anew for each byte.
    stored CONSTANT bytea := in_differences || ''::bytea;
    result float8[];
    step integer;
    jump integer := 1;
    number bigint := 0;
BEGIN
    IF in_scale IS NULL THEN
        RETURN in_values;
    ELSIF in_differences IS NOT NULL THEN
        result := array_fill(0::float8, ARRAY[length(stored)]);
        FOR place IN 1 .. length(stored) LOOP
            step := get_byte(stored, place - 1);
            IF step = 255 THEN
                jump := jump + 1;
                number := number + in_integers[jump];
            ELSE
                number := number + step - 127;
            END IF;
            result[place] := (minimum + number * in_integers[1]) / power;
        END LOOP;
        RETURN result;
    ELSIF in_integers IS NOT NULL THEN
        RETURN ARRAY(
            SELECT n / power FROM unnest(in_integers) WITH ORDINALITY AS s(n, place) ORDER BY place
        );
    END IF;
    RETURN ARRAY(
        SELECT (minimum + 32768 + n) / power
        FROM unnest(in_small_integers) WITH ORDINALITY AS s(n, place) ORDER BY place
    );
END
$$;

COMMENT ON FUNCTION analytics.block_values(
    smallint, float8, float8[], integer[], smallint[], bytea
) IS
'Values of a block''s samples: doubles as stored (no scale), or integers divided by 10^scale; 16-bit integers count from round(minimum * 10^scale) + 32768, differences of one byte (plus 127; 255: the next of the integers after the first, which multiplies all) from round(minimum * 10^scale).';

CREATE OR REPLACE VIEW analytics.blocks AS
SELECT b.identity_id AS identity_number, b.name::text AS name, b.hour AS hour_number,
       b.first_ms, b.last_ms, b.sample_count, b.minimum, b.maximum, b.total,
       analytics.block_times_us(
           b.hour, b.first_ms, b.encoding, b.offsets, b.time_steps, b.sample_count
       ) AS times_us,
       analytics.block_values(
           b.scale, b.minimum, b."values", b.integers, b.small_integers, b.differences
       ) AS "values"
FROM ingest_sampleblock b;

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
    analytics.block_values(
        b.scale, b.minimum, b."values", b.integers, b.small_integers, b.differences
    )
) AS s(time_us, value)
WHERE analytics.require_block_filter();

DROP FUNCTION analytics.block_values(smallint, float8, float8[], integer[], smallint[]);
