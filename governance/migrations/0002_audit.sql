-- The log of audit events and the Merkle tree over it. docs/evidence-format.md says what the bytes mean.
-- If a trigger or a function here is weakened, rule 13 is only a promise.

-- Events ---------------------------------------------------------------------------------------------------------------

-- A sequence and not an identity column: before PostgreSQL 17 partitions can't have one.
CREATE SEQUENCE audit_event_sequence;

CREATE TABLE audit_event (
    sequence bigint NOT NULL DEFAULT nextval('audit_event_sequence'),
    id uuid NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    leaf_hash bytea NOT NULL,
    PRIMARY KEY (sequence, at),
    CONSTRAINT audit_event_leaf_hash_is_sha256 CHECK (octet_length(leaf_hash) = 32)
) PARTITION BY RANGE (at);

CREATE INDEX audit_event_by_id ON audit_event (id);
CREATE INDEX audit_event_by_subject ON audit_event (subject_id, sequence);
CREATE INDEX audit_event_by_actor ON audit_event (actor_id, sequence);
CREATE INDEX audit_event_by_action ON audit_event (action text_pattern_ops, sequence);
CREATE INDEX audit_event_by_xid ON audit_event (xid, sequence);
CREATE INDEX audit_event_by_time ON audit_event USING brin (at);

SELECT make_append_only('audit_event', 'audit events', 'rule 13');

CREATE TABLE audit_event_default PARTITION OF audit_event DEFAULT;
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON audit_event_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('audit events', 'rule 13');

CREATE FUNCTION audit_ensure_partitions(moment timestamptz, months integer) RETURNS integer
LANGUAGE plpgsql SET timezone TO 'UTC' AS $$
-- Row triggers come to a partition from its parent, TRUNCATE triggers do not. Attaching takes a weaker lock on the
-- parent than creating in place, so that writers go on. A month that already has rows in the default partition stays
-- there: moving them would be a change.
DECLARE
    made integer := 0;
    starts timestamptz;
    ends timestamptz;
    partition text;
BEGIN
    FOR i IN 0..months LOOP
        starts := date_trunc('month', moment) + make_interval(months => i);
        ends := starts + interval '1 month';
        partition := to_char(starts, '"audit_event_"YYYY"_"MM');
        CONTINUE WHEN to_regclass(partition) IS NOT NULL
            OR EXISTS (SELECT FROM audit_event_default WHERE at >= starts AND at < ends);
        EXECUTE format('CREATE TABLE %I (LIKE audit_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
        EXECUTE format('CREATE TRIGGER append_only_table BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION refuse_change(%L, %L)', partition, 'audit events', 'rule 13');
        EXECUTE format('ALTER TABLE audit_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       partition, starts, ends);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION audit_ensure_partitions(timestamptz, integer) IS
    'Makes the partition of the moment''s month and of as many months after it as are missing; returns how many';

SELECT audit_ensure_partitions(now(), 2);

-- Bodies ---------------------------------------------------------------------------------------------------------------

CREATE TABLE audit_body (
    sequence bigint PRIMARY KEY,
    line text NOT NULL
);

CREATE FUNCTION refuse_unless_redacted() RETURNS trigger
LANGUAGE plpgsql AS $$
-- A body goes only in the transaction that has recorded its redaction.
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit_event AS body JOIN audit_event AS redaction ON redaction.subject_id = body.id
        WHERE body.sequence = OLD.sequence
          AND redaction.action = 'audit_event.redacted' AND redaction.xid = pg_current_xact_id()
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'bodies of audit events are removed by redaction alone, which is an event itself (rule 13)',
            DETAIL = format('DELETE of body %s was refused.', OLD.sequence);
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER append_only_rows BEFORE UPDATE ON audit_body
    FOR EACH ROW EXECUTE FUNCTION refuse_change('bodies of audit events', 'rule 13');
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON audit_body
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('bodies of audit events', 'rule 13');
CREATE TRIGGER removed_by_redaction BEFORE DELETE ON audit_body
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_redacted();

-- Writing --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION audit_line(
    action text, actor_id uuid, actor_kind text, actor_label text, assurance integer, at timestamptz,
    facts text, reason text, subject_id uuid, subject_kind text, subject_label text
) RETURNS text
LANGUAGE sql VOLATILE AS $$
    -- The template has its keys in the order of RFC 8785; to_json(text) escapes as RFC 8785 does, jsonb::text would
    -- add spaces and order keys by length. The salt keeps a redacted body from being guessed from its hash.
    SELECT '{"action":' || to_json(action)::text
        || ',"actor":{"id":' || coalesce(to_json(actor_id)::text, 'null')
        || ',"kind":' || to_json(actor_kind)::text
        || ',"label":' || to_json(actor_label)::text
        || '},"assurance":' || assurance::text
        || ',"at":"' || utc_text(at)
        || '","facts":' || facts
        || ',"id":' || to_json(uuid_v7())::text
        || ',"reason":' || to_json(reason)::text
        || ',"salt":"' || replace(gen_random_uuid()::text, '-', '')
        || '","subject":{"id":' || to_json(subject_id)::text
        || ',"kind":' || to_json(subject_kind)::text
        || ',"label":' || to_json(subject_label)::text
        || '},"v":1}'
$$;
COMMENT ON FUNCTION audit_line IS
    'The canonical line of an event (RFC 8785), for set-based moves. facts: a canonical JSON object, rendered already';

CREATE FUNCTION audit_append(lines text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
-- The columns are read from the line and the hash is taken of it, so that none can disagree with it when written.
DECLARE
    appended bigint;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT nextval('audit_event_sequence') AS sequence, line,
               parsed.id, parsed.at, parsed.action, parsed.subject, parsed.actor
        FROM unnest(lines) WITH ORDINALITY AS each (line, place),
             jsonb_to_record(line::jsonb) AS parsed (id uuid, at timestamptz, action text, subject jsonb, actor jsonb)
        ORDER BY place
    ), bodies AS (
        INSERT INTO audit_body (sequence, line) SELECT sequence, line FROM given
    )
    INSERT INTO audit_event (sequence, id, at, action, subject_kind, subject_id, actor_kind, actor_id, leaf_hash)
    SELECT sequence, id, at, action, subject ->> 'kind', (subject ->> 'id')::uuid,
           actor ->> 'kind', (actor ->> 'id')::uuid, sha256('\x00'::bytea || convert_to(line, 'UTF8'))
    FROM given;
    GET DIAGNOSTICS appended = ROW_COUNT;
    RETURN appended;
END
$$;
COMMENT ON FUNCTION audit_append(text[]) IS
    'Appends events in the running transaction, in the order of their canonical lines; returns how many';

-- The tree -------------------------------------------------------------------------------------------------------------

CREATE TABLE audit_leaf (
    index bigint PRIMARY KEY,
    sequence bigint NOT NULL UNIQUE,
    leaf_hash bytea NOT NULL,
    CONSTRAINT audit_leaf_index_is_not_negative CHECK (index >= 0),
    CONSTRAINT audit_leaf_hash_is_sha256 CHECK (octet_length(leaf_hash) = 32)
);

CREATE TABLE audit_node (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, index),
    CONSTRAINT audit_node_is_above_the_leaves CHECK (level > 0 AND index >= 0),
    CONSTRAINT audit_node_hash_is_sha256 CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE audit_node IS 'Roots of complete subtrees: node (level, index) covers leaves [index, index + 1) * 2^level';

CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    note text NOT NULL,
    horizon xid8 NOT NULL,
    system_identifier bigint NOT NULL,
    CONSTRAINT audit_checkpoint_is_not_empty CHECK (size > 0),
    CONSTRAINT audit_checkpoint_root_is_sha256 CHECK (octet_length(root) = 32)
);
COMMENT ON COLUMN audit_checkpoint.horizon IS 'Every event of a transaction below it is sealed, in this cluster';

CREATE TABLE audit_check (
    id uuid PRIMARY KEY DEFAULT uuid_v7(),
    at timestamptz NOT NULL,
    from_size bigint NOT NULL,
    to_size bigint NOT NULL,
    again_from bigint NOT NULL,
    again_to bigint NOT NULL,
    ok boolean NOT NULL,
    finding text NOT NULL,
    CONSTRAINT audit_check_says_what_failed CHECK (ok = (finding = ''))
);
COMMENT ON TABLE audit_check IS
    'Verdicts: leaves [from_size, to_size) were new to the checker, [again_from, again_to) were looked at once more';

SELECT make_append_only('audit_leaf', 'leaves of the audit log', 'rule 13');
SELECT make_append_only('audit_node', 'nodes of the audit log', 'rule 13');
SELECT make_append_only('audit_checkpoint', 'checkpoints of the audit log', 'rule 13');
SELECT make_append_only('audit_check', 'verdicts on the audit log', 'rule 13');
