-- A stub of the Citus functions that the product calls, for a single PostgreSQL: it records the
-- calls and refuses the tables and the statements that Citus refuses.
CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod "char", repmodel "char");

CREATE TABLE pg_dist_node (
    nodeid integer, groupid integer, nodename text, nodeport integer, isactive boolean
);
INSERT INTO pg_dist_node VALUES
    (1, 0, 'coordinator', 5432, true), (2, 1, 'worker-1', 5432, true),
    (3, 2, 'worker-2', 5432, true);

-- What nodes answer instead of this PostgreSQL: another text, or none.
CREATE TABLE stub_answers (nodeid integer, statement text, success boolean, result text);

CREATE FUNCTION run_command_on_all_nodes(in_command text)
RETURNS TABLE (nodeid integer, success boolean, result text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    node pg_dist_node;
    answer stub_answers;
BEGIN
    FOR node IN SELECT * FROM pg_dist_node LOOP
        SELECT * INTO answer FROM stub_answers s
        WHERE s.nodeid = node.nodeid AND in_command LIKE s.statement;
        IF FOUND AND answer.success IS NULL THEN
            PERFORM pg_sleep(60);  -- a frozen node
        ELSIF FOUND THEN
            RETURN QUERY SELECT node.nodeid, answer.success, answer.result;
        ELSE
            EXECUTE in_command INTO answer.result;
            RETURN QUERY SELECT node.nodeid, true, answer.result;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION citus_check_connection_to_node(in_name text, in_port integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(60) FROM stub_answers s JOIN pg_dist_node n USING (nodeid)
    WHERE n.nodename = in_name AND n.nodeport = in_port AND s.success IS NULL;
    RETURN true;
END
$$;

-- Every identity is stored on worker-2.
CREATE TABLE pg_dist_placement (shardid bigint, groupid integer);
INSERT INTO pg_dist_placement VALUES (1, 2);
CREATE FUNCTION get_shard_id_for_distribution_column(in_table regclass, in_value bigint)
RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';

CREATE FUNCTION citus_local_disk_space_stats(
    OUT available_disk_size bigint, OUT total_disk_size bigint
) LANGUAGE sql AS 'SELECT 1::bigint << 50, 1::bigint << 51';

CREATE FUNCTION citus_total_relation_size(in_table regclass) RETURNS bigint
LANGUAGE sql AS 'SELECT pg_total_relation_size(in_table)';

-- Citus updates no reference table from a local one, and refuses a sub-select of a reference table
-- behind OR in a statement that writes to a local table. The text of the statement shows both.
CREATE FUNCTION refuse_statement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    statement text := regexp_replace(lower(current_query()), '''[^'']*''', '', 'g');
    is_reference boolean := EXISTS (
        SELECT FROM pg_dist_partition WHERE logicalrelid = TG_RELID AND partmethod = 'n'
    );
    other text;
BEGIN
    -- Of a reference table, the local tables; of a local one, the reference tables.
    FOR other IN
        SELECT c.relname FROM pg_class c LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.oid <> TG_RELID
          AND CASE WHEN is_reference THEN p.partmethod IS NULL ELSE p.partmethod = 'n' END
    LOOP
        IF is_reference AND statement ~ ('\m(from|join|using)\s+"?' || other || '\M') THEN
            RAISE 'cannot modify reference table % from local table %', TG_RELID::regclass, other;
        ELSIF NOT is_reference
              AND statement ~ ('\mor\M.*\min\s*\(\s*select\M.*\m' || other || '\M') THEN
            RAISE 'cannot modify local table % by a sub-select of %', TG_RELID::regclass, other;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE FUNCTION watch_statements() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    watched regclass;
BEGIN
    FOR watched IN
        SELECT c.oid FROM pg_class c
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
          AND c.relname ~ '^(identities|ingest|alerts)_'
          AND NOT EXISTS (SELECT FROM pg_dist_partition p
                          WHERE p.logicalrelid = c.oid AND p.partmethod = 'h')
    LOOP
        EXECUTE format('CREATE TRIGGER refuse_statement BEFORE UPDATE OR DELETE ON %s '
                       'EXECUTE FUNCTION refuse_statement()', watched);
    END LOOP;
END
$$;

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
