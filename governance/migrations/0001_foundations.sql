-- What the tables of the domain stand on. Everything here exists since PostgreSQL 15; no pgcrypto.

CREATE FUNCTION uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    -- RFC 9562, 5.7: 48 bits of milliseconds since 1970 laid over a random version 4, whose version bits become 7.
    SELECT encode(
        set_bit(set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send(floor(date_part('epoch', clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6
            ), 52, 1), 53, 1), 'hex')::uuid
$$;
COMMENT ON FUNCTION uuid_v7() IS 'A time-ordered identifier, ordered to the millisecond (RFC 9562 version 7)';

CREATE FUNCTION utc_text(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
COMMENT ON FUNCTION utc_text(timestamptz) IS 'A time as events state it: RFC 3339, UTC, six digits of a second';

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = format('%s are append-only (%s)', TG_ARGV[0], TG_ARGV[1]),
        DETAIL = format('%s on %I was refused.', TG_OP, TG_TABLE_NAME);
END
$$;
COMMENT ON FUNCTION refuse_change() IS 'Trigger: refuses whatever it stands before. Arguments: what the rows are, the rule';

CREATE FUNCTION make_append_only(rows regclass, what text, rule text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON %s '
                   'FOR EACH ROW EXECUTE FUNCTION refuse_change(%L, %L)', rows, what, rule);
    EXECUTE format('CREATE TRIGGER append_only_table BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(%L, %L)', rows, what, rule);
END
$$;
COMMENT ON FUNCTION make_append_only(regclass, text, text) IS
    'Makes a table refuse UPDATE, DELETE and TRUNCATE. what: its rows in words, for the message; rule: "rule 13"';
