-- What the database itself holds of policy: a decision is never changed, and a version that has been published says
-- for ever what it said. If a trigger here is weakened, nobody can tell by what a past decision was made.

SELECT make_append_only('governance_policydecision', 'policy decisions', 'rule 13');

CREATE FUNCTION keep_published_policy_version() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'draft' AND (
        NEW.state = 'draft'
        OR (NEW.rule_id, NEW.number, NEW.mode, NEW.priority, NEW.condition, NEW.outcomes, NEW.reason, NEW.effective_from)
            IS DISTINCT FROM
           (OLD.rule_id, OLD.number, OLD.mode, OLD.priority, OLD.condition, OLD.outcomes, OLD.reason, OLD.effective_from)
        OR coalesce(NEW.effective_until, 'infinity') > coalesce(OLD.effective_until, 'infinity')
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'a published version of a policy rule is never changed, it only ends sooner (rule 3)',
            DETAIL = format('UPDATE of version %s was refused.', OLD.id);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER published_version_is_kept BEFORE UPDATE ON governance_policyruleversion
    FOR EACH ROW EXECUTE FUNCTION keep_published_policy_version();

-- What was seen and what was decided is never changed either.
SELECT make_append_only('governance_verification', 'verifications', 'rule 13');
SELECT make_append_only('governance_decision', 'decisions', 'rule 18');

-- Nor is what rows were before: their history.
SELECT make_append_only(oid::regclass, 'versions of governed rows', 'rule 18')
FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname ~ '^governance_historical';

-- A lease ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION keep_lease() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    why text;
BEGIN
    CASE
        WHEN NEW.ends_at > OLD.ends_at THEN
            why := 'the end of a grant only moves earlier; a renewal is a new grant (rule 1)';
        WHEN (NEW.identity_id, NEW.entitlement_id, NEW.purpose_id, NEW.basis, NEW.number, NEW.requester_id,
              NEW.source_kind, NEW.source_id, NEW.policy_decision_id)
             IS DISTINCT FROM
             (OLD.identity_id, OLD.entitlement_id, OLD.purpose_id, OLD.basis, OLD.number, OLD.requester_id,
              OLD.source_kind, OLD.source_id, OLD.policy_decision_id) THEN
            why := 'whom, what and what for a grant leases never changes (rule 1)';
        WHEN OLD.state NOT IN ('approved', 'scheduled') AND NEW.starts_at <> OLD.starts_at THEN
            why := 'the start of a grant that has begun never changes (rule 1)';
        WHEN OLD.state IN ('revoked', 'cancelled') AND NEW.state <> OLD.state
             OR OLD.state IN ('revoking', 'revocation_failed')
                AND NEW.state NOT IN ('revoking', 'revocation_failed', 'revoked') THEN
            why := 'a grant that has ended never begins again; a renewal is a new grant (rule 1)';
        ELSE
            RETURN NEW;
    END CASE;
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation', MESSAGE = why, DETAIL = format('UPDATE of grant G-%s was refused.', OLD.number);
END
$$;
CREATE TRIGGER lease_is_kept BEFORE UPDATE ON governance_grant
    FOR EACH ROW EXECUTE FUNCTION keep_lease();

ALTER TABLE governance_grant ADD CONSTRAINT rule_03_nothing_starts_without_a_decision
    CHECK (state IN ('approved', 'scheduled', 'cancelled') OR activation_decision_id IS NOT NULL);

-- Checked when the transaction commits, so that whatever ends a purpose or an owner can end or re-point its grants
-- in the same one. The rows that are read are held by the locks that the moves demand.
CREATE FUNCTION unfounded(lease governance_grant) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT lease.state IN ('approved', 'scheduled', 'provisioning', 'provisioning_failed', 'active', 'suspended') AND (
        purpose.state <> 'active' OR owner.state = 'ended' OR holder.state = 'ended'
        OR lease.ends_at > least(purpose.ends_at, purpose.review_at, holder.ends_at))
    FROM governance_purpose AS purpose, governance_identity AS owner, governance_identity AS holder
    WHERE purpose.id = lease.purpose_id AND owner.id = lease.accountable_owner_id AND holder.id = lease.identity_id
$$;
COMMENT ON FUNCTION unfounded(governance_grant) IS
    'Whether a grant that has not ended lacks an active purpose, an owner or a holder, or outlasts what it rests on';

CREATE FUNCTION refuse_unfounded(grants bigint[], why text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF array_length(grants, 1) > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('%s (rule 1)', why),
            DETAIL = format('Grants: G-%s.', array_to_string(grants[1:10], ', G-'));
    END IF;
END
$$;

CREATE FUNCTION check_lease_foundation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_unfounded(
        (SELECT array_agg(g.number) FROM governance_grant g WHERE g.id = NEW.id AND unfounded(g)),
        'a grant rests on an active purpose, an owner and a holder, and outlasts none of them');
    IF TG_OP = 'INSERT' THEN
        PERFORM refuse_unfounded(
            (SELECT array_agg(g.number) FROM governance_grant g
               JOIN governance_identity o ON o.id = g.accountable_owner_id
              WHERE g.id = NEW.id AND o.state <> 'active'),
            'whoever answers for a new grant is active');
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER rule_01_lease_is_founded AFTER INSERT OR UPDATE ON governance_grant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_lease_foundation();

CREATE FUNCTION check_grants_of_purpose() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_unfounded(
        (SELECT array_agg(g.number) FROM governance_grant g WHERE g.purpose_id = NEW.id AND unfounded(g)),
        'a purpose stays active while grants rest on it, and as long as they last');
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER rule_01_purpose_ends_with_its_grants
    AFTER UPDATE OF state, ends_at, review_at ON governance_purpose
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_grants_of_purpose();

CREATE FUNCTION check_grants_of_identity() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_unfounded(
        (SELECT array_agg(g.number) FROM governance_grant g
          WHERE (g.accountable_owner_id = NEW.id OR g.identity_id = NEW.id) AND unfounded(g)),
        'an identity ends with the grants it holds, and others answer for those it answered for');
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER rule_01_identity_ends_with_its_grants AFTER UPDATE OF state, ends_at ON governance_identity
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_grants_of_identity();

-- Nothing governed is deleted (rule 18) --------------------------------------------------------------------------------

CREATE FUNCTION refuse_deletion() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = 'nothing governed is deleted: it is retired, ended or redacted (rule 18)',
        DETAIL = format('%s on %I was refused.', TG_OP, TG_TABLE_NAME);
END
$$;
DO $$
DECLARE governed text;
BEGIN
    FOREACH governed IN ARRAY ARRAY[
        'human', 'identity', 'team', 'teammembership', 'ownership', 'system', 'entitlement', 'account', 'assignment',
        'presenceperiod', 'purpose', 'justification', 'dedication', 'connectorconfiguration', 'policyrule', 'policyruleversion',
        'approvalroute', 'approvalstep', 'stepapprover', 'question', 'accessrequest', 'requestitem', 'grant',
        'provisioningtask', 'taskattempt'
    ] LOOP
        EXECUTE format('CREATE TRIGGER rule_18_never_deleted BEFORE DELETE ON %I '
                       'FOR EACH ROW EXECUTE FUNCTION refuse_deletion()', 'governance_' || governed);
        EXECUTE format('CREATE TRIGGER rule_18_never_emptied BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_deletion()', 'governance_' || governed);
    END LOOP;
END
$$;
