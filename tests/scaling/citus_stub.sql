-- A stub of the Citus functions that `distribute` calls, for a single PostgreSQL: it records the
-- calls and refuses the tables that Citus refuses.
CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod "char", repmodel "char");

CREATE TABLE pg_dist_node (groupid integer);
INSERT INTO pg_dist_node VALUES (0), (1), (2);

CREATE FUNCTION create_reference_table(in_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM pg_constraint c
    WHERE c.contype = 'f' AND in_table IN (c.conrelid, c.confrelid) AND c.conrelid <> c.confrelid
      AND NOT EXISTS (SELECT 1 FROM pg_dist_partition p
                      WHERE p.logicalrelid IN (c.conrelid, c.confrelid));
    IF FOUND THEN
        RAISE 'a foreign key ties % to a local table', in_table;
    END IF;
    INSERT INTO pg_dist_partition VALUES (in_table, 'n', 't');
END
$$;

CREATE FUNCTION create_distributed_table(
    in_table regclass, in_column text, colocate_with text DEFAULT 'default'
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM pg_attribute a WHERE a.attrelid = in_table AND a.attidentity <> '';
    IF FOUND THEN
        RAISE '% has an identity column', in_table;
    END IF;
    PERFORM 1 FROM pg_index i
    WHERE i.indrelid = in_table AND i.indisunique
      AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = in_table
                      AND a.attname = in_column AND a.attnum = ANY (i.indkey));
    IF FOUND THEN
        RAISE 'a unique index of % has no column %', in_table, in_column;
    END IF;
    PERFORM 1 FROM pg_constraint c
    WHERE c.contype = 'f' AND in_table IN (c.conrelid, c.confrelid);
    IF FOUND THEN
        RAISE 'a foreign key ties %', in_table;
    END IF;
    PERFORM 1 FROM pg_trigger t WHERE t.tgrelid = in_table AND NOT t.tgisinternal;
    IF FOUND THEN
        RAISE '% has triggers', in_table;
    END IF;
    INSERT INTO pg_dist_partition VALUES (in_table, 'h', 's');
END
$$;

CREATE FUNCTION create_distributed_function(in_function regprocedure) RETURNS void
LANGUAGE sql AS '';
