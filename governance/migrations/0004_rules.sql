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

-- A lease ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION keep_lease() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ends_at > OLD.ends_at THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'the end of a grant only moves earlier; a renewal is a new grant (rule 1)',
            DETAIL = format('UPDATE of grant G-%s was refused.', OLD.number);
    END IF;
    IF (NEW.identity_id, NEW.entitlement_id, NEW.purpose_id, NEW.basis, NEW.number)
       IS DISTINCT FROM (OLD.identity_id, OLD.entitlement_id, OLD.purpose_id, OLD.basis, OLD.number) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'whom, what and what for a grant leases never changes (rule 1)',
            DETAIL = format('UPDATE of grant G-%s was refused.', OLD.number);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER lease_is_kept BEFORE UPDATE ON governance_grant
    FOR EACH ROW EXECUTE FUNCTION keep_lease();

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

-- Checked when the transaction commits, so that whatever ends a purpose or an owner can end or re-point its grants
-- in the same one. The rows that are read are held by the locks that the moves demand.
CREATE FUNCTION check_lease_foundation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_unfounded(
        (SELECT array_agg(g.number) FROM governance_grant g
           JOIN governance_purpose p ON p.id = g.purpose_id
           JOIN governance_identity o ON o.id = g.accountable_owner_id
          WHERE g.id = NEW.id AND (p.state <> 'active' OR o.state = 'ended')
            AND g.state IN ('approved', 'scheduled', 'provisioning', 'provisioning_failed', 'active', 'suspended')),
        'no grant is made or kept live without an active purpose and an accountable owner');
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER rule_01_lease_is_founded AFTER INSERT OR UPDATE ON governance_grant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_lease_foundation();

CREATE FUNCTION check_grants_of_purpose() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_unfounded(
        (SELECT array_agg(g.number) FROM governance_grant g
          WHERE g.purpose_id = NEW.id
            AND g.state IN ('approved', 'scheduled', 'provisioning', 'provisioning_failed', 'active', 'suspended')),
        'a purpose stays active while grants rest on it');
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER rule_01_purpose_ends_with_its_grants AFTER UPDATE OF state ON governance_purpose
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state <> 'active' AND OLD.state = 'active')
    EXECUTE FUNCTION check_grants_of_purpose();

CREATE FUNCTION check_grants_of_identity() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_unfounded(
        (SELECT array_agg(g.number) FROM governance_grant g
          WHERE (g.accountable_owner_id = NEW.id OR g.identity_id = NEW.id)
            AND g.state IN ('approved', 'scheduled', 'provisioning', 'provisioning_failed', 'active', 'suspended')),
        'an identity ends with the grants it holds, and others answer for those it answered for');
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER rule_01_identity_ends_with_its_grants AFTER UPDATE OF state ON governance_identity
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'ended' AND OLD.state <> 'ended')
    EXECUTE FUNCTION check_grants_of_identity();

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
