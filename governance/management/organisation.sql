-- An organisation of any size, by arithmetic alone: the same seed gives the same one. Read by organisation.py, which
-- puts in %(seed)s, %(now)s, %(people)s, %(machines)s, %(systems)s, %(grants)s, %(version)s (the rule that lets it all
-- in) and {facts}, the facts of a decision as canonical JSON.
--
-- Person 1 leads; each manager has up to eight reports. The first tenth, externals apart, own what there is. Each
-- system has eight entitlements and three purposes that justify them; each identity has accounts on systems side by
-- side, and one lease of each entitlement there. Now and then a second purpose leases the same again.

CREATE FUNCTION pg_temp.made(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    -- A version 7 UUID (RFC 9562) whose time is the number and whose random bits are drawn from the seed.
    SELECT (lpad(to_hex(1577836800000 + n), 12, '0') || '7' || substr(md5(%(seed)s || kind || n), 1, 3)
            || '8' || substr(md5(%(seed)s || kind || n), 4, 15))::uuid
$$;

CREATE FUNCTION pg_temp.drawn(kind text, n bigint, below integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || substr(md5(%(seed)s || kind || n), 1, 7))::bit(28)::integer %% below
$$;

CREATE FUNCTION pg_temp.owner(kind text, n bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    -- One of the first tenth: all of them active persons, since every twentieth is external and gives way to the next.
    SELECT 1 + chosen - (chosen %% 20 = 19)::integer
    FROM (SELECT pg_temp.drawn(kind, n, greatest(3, %(people)s / 10)) AS chosen) AS draw
$$;

CREATE TEMP TABLE made_identity ON COMMIT DROP AS
SELECT n, pg_temp.made('identity', n) AS id, pg_temp.made('human', n) AS human_id,
       CASE WHEN n > %(people)s
            THEN (ARRAY['service_account', 'workload', 'api_client', 'agent'])[1 + pg_temp.drawn('kind', n, 4)]
            WHEN n %% 20 = 0 THEN 'external' ELSE 'person' END AS kind,
       CASE WHEN n > %(people)s OR n <= greatest(3, %(people)s / 10) THEN 'active'
            WHEN n %% 50 = 7 THEN 'ended' WHEN n %% 97 = 0 THEN 'on_leave' ELSE 'active' END AS state,
       CASE WHEN n > %(people)s
            THEN (ARRAY['svc', 'job', 'sync', 'bot', 'feed'])[1 + pg_temp.drawn('prefix', n, 5)] || '-'
                 || (ARRAY['ledger', 'payroll', 'orders', 'billing', 'claims'])[1 + pg_temp.drawn('noun', n, 5)] || '-' || n
            ELSE (ARRAY['Ada', 'Bram', 'Chloé', 'Dmitri', 'Elif', 'Femi', 'Grace', 'Hiro', 'Ines', 'Jonas', 'Kofi',
                        'Lena', 'Mateo', 'Nadia', 'Oluf', 'Priya', 'Quentin', 'Rosa', 'Sven', 'Tala'])
                 [1 + pg_temp.drawn('given', n, 20)] || ' ' ||
                 (ARRAY['Achterberg', 'Baptiste', 'Castellanos', 'Demir', 'Eriksen', 'Ferreira', 'Grünwald', 'Haddad',
                        'Ivanova', 'Johansson', 'Kowalczyk', 'Lindqvist', 'Mbeki', 'Nakamura', 'O''Connor', 'Petrov',
                        'Quispe', 'Rossi', 'Szabó', 'Tremblay'])[1 + pg_temp.drawn('surname', n, 20)] END AS name,
       CASE WHEN n > %(people)s THEN pg_temp.owner('machine', n) WHEN n > 1 THEN (n - 2) / 8 + 1 END AS above,
       (ARRAY['Finance', 'Operations', 'Claims', 'Platform', 'Data', 'Sales', 'Legal', 'Support'])
           [1 + pg_temp.drawn('department', (n - 2) / 8, 8)] AS department,
       CASE WHEN n > %(people)s OR n %% 20 = 0
            THEN %(now)s::timestamptz + interval '1 day' * (200 + pg_temp.drawn('end', n, 160)) END AS ends_at
FROM generate_series(1, %(people)s::bigint + %(machines)s) AS n;

UPDATE made_identity SET ends_at = %(now)s::timestamptz - interval '1 day' * (1 + pg_temp.drawn('end', n, 90))
WHERE state = 'ended';
ALTER TABLE made_identity ADD PRIMARY KEY (n);

INSERT INTO governance_human (id, name) SELECT human_id, name FROM made_identity WHERE n <= %(people)s ORDER BY n;

INSERT INTO governance_identity (id, kind, name, state, source, external_key, human_id, user_id, email, manager_id, title,
                                 department, environment, canonical_identifier, ends_at)
SELECT one.id, one.kind, one.name, one.state, 'generated', CASE WHEN one.n > %(people)s THEN 'M-' ELSE 'E-' END || one.n,
       CASE WHEN one.n <= %(people)s THEN one.human_id END, NULL,
       CASE WHEN one.n <= %(people)s THEN 'e' || one.n || '@generated.example' ELSE '' END,
       CASE WHEN one.n <= %(people)s THEN chief.id END,
       CASE WHEN one.n = 1 THEN 'Managing director' WHEN one.n <= %(people)s
            THEN (ARRAY['Analyst', 'Engineer', 'Clerk', 'Adviser', 'Planner'])[1 + pg_temp.drawn('title', one.n, 5)]
            ELSE '' END,
       CASE WHEN one.n <= %(people)s THEN one.department ELSE '' END,
       CASE WHEN one.n > %(people)s THEN 'production' ELSE '' END,
       CASE WHEN one.n > %(people)s THEN 'spiffe://generated.example/' || one.name ELSE '' END, one.ends_at
FROM made_identity AS one LEFT JOIN made_identity AS chief ON chief.n = one.above ORDER BY one.n;

CREATE TEMP TABLE made_system ON COMMIT DROP AS
SELECT n, pg_temp.made('system', n) AS id, 'generated-' || lpad(n::text, 4, '0') AS key,
       (ARRAY['Ledger', 'Warehouse', 'Directory', 'Mail', 'Claims desk', 'Archive', 'Build farm', 'Call centre'])
           [1 + n %% 8] || ' ' || n AS name,
       (ARRAY['low', 'moderate', 'high'])[1 + pg_temp.drawn('system risk', n, 3)] AS risk, pg_temp.owner('system', n) AS owner
FROM generate_series(0, %(systems)s - 1) AS n;
ALTER TABLE made_system ADD PRIMARY KEY (n);

INSERT INTO governance_system (id, key, name, description, environment, risk, state)
SELECT id, key, name, 'A system of the generated organisation.', 'production', risk, 'active' FROM made_system ORDER BY n;

-- Four of low risk for 90 days, three of moderate risk for 30, one of high risk and privileged for a week.
CREATE TEMP TABLE made_entitlement ON COMMIT DROP AS
SELECT system.n * 8 + place AS n, system.n AS system, pg_temp.made('entitlement', system.n * 8 + place) AS id,
       system.id AS system_id, system.owner, 'role_' || place AS key,
       (ARRAY['Read', 'Search', 'Report', 'Comment', 'Write', 'Approve', 'Export', 'Administer'])[1 + place] AS name,
       CASE WHEN place < 4 THEN 'low' WHEN place < 7 THEN 'moderate' ELSE 'high' END AS risk, place = 7 AS privileged,
       CASE WHEN place < 4 THEN 90 WHEN place < 7 THEN 30 ELSE 7 END AS days
FROM made_system AS system CROSS JOIN generate_series(0, 7) AS place;
ALTER TABLE made_entitlement ADD PRIMARY KEY (n);

INSERT INTO governance_entitlement (id, system_id, key, name, description, permits, risk, privileged, longest_lease,
                                    review_cadence, allowed_kinds, state)
SELECT id, system_id, key, name, name || ' what the system holds.', '[]', risk, privileged, interval '1 day' * days,
       interval '90 days', ARRAY['person', 'external', 'service_account', 'workload', 'api_client', 'agent'], 'active'
FROM made_entitlement ORDER BY n;

CREATE TEMP TABLE made_purpose ON COMMIT DROP AS
SELECT system.n * 3 + place AS n, pg_temp.made('purpose', system.n * 3 + place) AS id, system.n AS system,
       pg_temp.owner('purpose', system.n * 3 + place) AS owner,
       'P-' || (100000 + system.n * 3 + place) AS reference, (ARRAY['Running', 'Supporting', 'Auditing'])[1 + place] || ' '
       || system.name AS name,
       %(now)s::timestamptz + interval '1 day' * (400 + pg_temp.drawn('purpose', system.n * 3 + place, 300)) AS ends_at
FROM made_system AS system CROSS JOIN generate_series(0, 2) AS place;
ALTER TABLE made_purpose ADD PRIMARY KEY (n);

INSERT INTO governance_purpose (id, reference, name, description, state, emergency, ends_at, review_at, criteria)
SELECT id, reference, name, '', 'active', false, ends_at, NULL, '' FROM made_purpose ORDER BY n;

INSERT INTO governance_justification (id, purpose_id, entitlement_id, ended_at)
SELECT pg_temp.made('justification', purpose.n * 8 + what.n %% 8), purpose.id, what.id, NULL
FROM made_purpose AS purpose JOIN made_entitlement AS what ON what.system = purpose.system;

INSERT INTO governance_dedication (id, identity_id, purpose_id)
SELECT pg_temp.made('dedication', one.n), one.id, purpose.id
FROM made_identity AS one JOIN made_purpose AS purpose ON purpose.n = 3 * (one.n * 7 %% %(systems)s)
WHERE one.kind <> 'person';

-- Who answers for what: owners, backups, and the sponsors of externals.
INSERT INTO governance_ownership (id, subject_kind, subject_id, role, identity_id, team_id, interim, starts_at, ends_at)
SELECT pg_temp.made('ownership ' || thing.kind || thing.role, thing.n), thing.kind, thing.id, thing.role, who.id, NULL, false,
       %(now)s::timestamptz - interval '700 days', NULL
FROM (SELECT 'system' AS kind, n, id, 'owner' AS role, owner FROM made_system
      UNION ALL SELECT 'system', n, id, 'backup_owner', 1 FROM made_system WHERE owner <> 1
      UNION ALL SELECT 'entitlement', n, id, 'owner', owner FROM made_entitlement
      UNION ALL SELECT 'purpose', n, id, 'owner', owner FROM made_purpose
      UNION ALL SELECT 'identity', n, id, 'owner', above FROM made_identity WHERE n > %(people)s
      UNION ALL SELECT 'identity', n, id, 'owner', pg_temp.owner('sponsor', n) FROM made_identity WHERE kind = 'external'
      UNION ALL SELECT 'identity', n, id, 'backup_owner', 1 FROM made_identity WHERE kind <> 'person'
     ) AS thing JOIN made_identity AS who ON who.n = thing.owner;

-- Leases. `place` counts those of one identity, `slot` the entitlements they are of: a shared one is of the slot before.
CREATE TEMP TABLE made_grant ON COMMIT DROP AS
WITH wish AS (
    SELECT one.n AS who, one.id AS identity_id, one.kind, one.ends_at AS identity_ends_at, one.above, one.state AS status, place,
           (one.n - 1) * 256 + place AS n, pg_temp.drawn('state', (one.n - 1) * 256 + place, 100) AS draw
    FROM made_identity AS one
    CROSS JOIN LATERAL generate_series(
        0, %(grants)s::bigint / (%(people)s + %(machines)s) - 1
           + (one.n <= %(grants)s::bigint %% (%(people)s + %(machines)s))::integer) AS place
), stated AS (
    SELECT *, CASE WHEN status = 'ended' THEN CASE WHEN draw < 90 THEN 'revoked' ELSE 'cancelled' END
                   WHEN draw < 62 THEN 'active' WHEN draw < 84 THEN 'revoked' WHEN draw < 88 THEN 'cancelled'
                   WHEN draw < 91 THEN 'provisioning' WHEN draw < 92 THEN 'provisioning_failed'
                   WHEN draw < 93 THEN 'suspended' WHEN draw < 95 THEN 'revoking' WHEN draw < 96 THEN 'revocation_failed'
                   WHEN draw < 98 THEN 'approved' ELSE 'scheduled' END AS own_state
    FROM wish
), paired AS (
    SELECT *, place %% 2 = 1 AND pg_temp.drawn('shared', n, 10) = 0
              AND lag(own_state) OVER (PARTITION BY who ORDER BY place) = 'active' AS shared
    FROM stated
), slotted AS (
    SELECT *, place - shared::integer AS slot, CASE WHEN shared THEN 'active' ELSE own_state END AS state FROM paired
), timed AS (
    SELECT slotted.*, (who * 7 + slot / 8) %% %(systems)s AS system, what.id AS entitlement_id, what.system_id, what.owner,
           what.key AS entitlement_key, what.name AS entitlement_name, what.risk, what.privileged, what.days AS longest,
           interval '1 day' * CASE WHEN kind IN ('external', 'agent') THEN least(30, what.days) ELSE what.days END AS term,
           interval '1 second' * (60 + pg_temp.drawn('age', slotted.n, 86400)) AS age
    FROM slotted JOIN made_entitlement AS what
        ON what.n = ((who * 7 + slot / 8) %% %(systems)s) * 8 + slot %% 8
), placed AS (
    SELECT timed.*, CASE
        WHEN state = 'scheduled' THEN %(now)s::timestamptz + age
        WHEN state IN ('approved', 'provisioning') THEN %(now)s::timestamptz - interval '5 minutes'
        WHEN state IN ('revoking', 'revocation_failed') THEN %(now)s::timestamptz - term - age / 100
        WHEN state IN ('revoked', 'cancelled')
            THEN least(%(now)s::timestamptz, identity_ends_at) - term - age - interval '1 day' * pg_temp.drawn('past', n, 300)
        ELSE %(now)s::timestamptz - term * (pg_temp.drawn('spent', n, 900) + 20) / 1000 END AS starts_at
    FROM timed
)
SELECT placed.*, placed.starts_at + term + CASE WHEN state = 'approved' THEN interval '7 days' ELSE interval '0' END AS ends_at,
       purpose.id AS purpose_id, purpose.owner AS purpose_owner, purpose.reference, purpose.name AS purpose_name,
       purpose.ends_at AS purpose_ends_at,
       state NOT IN ('approved', 'scheduled', 'cancelled') AS begun,
       state IN ('active', 'provisioning', 'provisioning_failed') AS live,
       pg_temp.made('grant', placed.n) AS id, (who - 1) * 256 + slot AS assignment
FROM placed JOIN made_purpose AS purpose ON purpose.n = placed.system * 3 + placed.place %% 3;
ANALYZE made_grant;

CREATE TEMP TABLE made_account ON COMMIT DROP AS
SELECT who * 64 + slot / 8 AS n, min(system) AS system, min(who) AS who FROM made_grant GROUP BY 1;

INSERT INTO governance_account (id, system_id, native_id, login, identity_id, account_class, correlated_by)
SELECT pg_temp.made('account', account.n), system.id, 'g' || account.who, 'g' || account.who, one.id, 'standard', 'generated'
FROM made_account AS account JOIN made_system AS system ON system.n = account.system
JOIN made_identity AS one ON one.n = account.who ORDER BY account.n;

-- An assignment stands for all leases of one entitlement by one identity. Unwanted again, it is at its second generation.
CREATE TEMP TABLE made_assignment ON COMMIT DROP AS
SELECT assignment AS n, pg_temp.made('assignment', assignment) AS id, min(who) * 64 + min(slot) / 8 AS account,
       (array_agg(entitlement_id))[1] AS entitlement_id, bool_or(live) AS wanted, min(state) AS state,
       min(starts_at) AS starts_at, max(ends_at) AS ends_at, 2 - bool_or(live)::integer AS generation
FROM made_grant WHERE begun GROUP BY assignment;
ANALYZE made_assignment;

INSERT INTO governance_assignment (id, account_id, entitlement_id, wanted, generation)
SELECT id, pg_temp.made('account', account), entitlement_id, wanted, generation FROM made_assignment ORDER BY n;

-- What policy said when each was asked for, and again when it began.
INSERT INTO governance_policydecision (id, phase, subject_kind, subject_id, allowed, needs_human, steps, cap, latest_end,
                                       reasons, facts, facts_hash, rule_versions, at)
SELECT pg_temp.made(phase, g.n), phase,
       CASE phase WHEN 'submission' THEN 'policy_rule_version' ELSE 'grant' END,
       CASE phase WHEN 'submission' THEN %(version)s::uuid ELSE g.id END,
       true, false, '[]', g.term, g.ends_at, %(reasons)s::jsonb, facts::jsonb,
       encode(sha256(convert_to(facts, 'UTF8')), 'hex'), %(versions)s::jsonb, at
FROM made_grant AS g
JOIN made_identity AS one ON one.n = g.who
JOIN made_identity AS answering ON answering.n = g.purpose_owner
JOIN made_system AS system ON system.n = g.system
LEFT JOIN made_identity AS owner ON owner.n = g.above
CROSS JOIN (VALUES ('submission'), ('activation')) AS phases (phase)
CROSS JOIN LATERAL (SELECT CASE phase WHEN 'submission' THEN least(g.starts_at, %(now)s::timestamptz) - interval '1 hour'
                           ELSE g.starts_at END AS at) AS moment
CROSS JOIN LATERAL (SELECT {facts} AS facts) AS said
WHERE phase = 'submission' OR g.begun;

INSERT INTO governance_grant (id, identity_id, entitlement_id, purpose_id, accountable_owner_id, requester_id, assignment_id,
                              state, state_reason, basis, source_kind, source_id, policy_decision_id, activation_decision_id,
                              term, starts_at, ends_at, created_at)
SELECT g.id, g.identity_id, g.entitlement_id, g.purpose_id, answering.id,
       CASE WHEN g.who > %(people)s THEN owner.id ELSE g.identity_id END,
       CASE WHEN g.begun THEN pg_temp.made('assignment', g.assignment) END, g.state,
       CASE g.state WHEN 'cancelled' THEN 'No longer needed' WHEN 'revocation_failed' THEN 'The system did not answer'
                    WHEN 'provisioning_failed' THEN 'The system refused' ELSE '' END,
       'adoption', 'policy_rule_version', %(version)s, pg_temp.made('submission', g.n),
       CASE WHEN g.begun THEN pg_temp.made('activation', g.n) END, g.term, g.starts_at, g.ends_at,
       least(g.starts_at, %(now)s::timestamptz) - interval '1 hour'
FROM made_grant AS g
JOIN made_identity AS answering ON answering.n = g.purpose_owner
LEFT JOIN made_identity AS owner ON owner.n = g.above ORDER BY g.n;

-- What was seen: present since a minute after the start, absent since a minute after the end.
INSERT INTO governance_verification (id, assignment_id, observation, at, method, source, answer_hash, detail, paths, generation,
                                     proof)
SELECT pg_temp.made('verification', n), id, CASE WHEN wanted THEN 'present' ELSE 'absent' END,
       CASE WHEN wanted THEN starts_at ELSE least(ends_at, %(now)s::timestamptz - interval '2 minutes') END + interval '1 minute',
       'listing', 'generated', encode(sha256(convert_to(n::text, 'UTF8')), 'hex'), 'Read back', '[]', generation, 'read_back'
FROM made_assignment WHERE state IN ('active', 'suspended', 'revoked');

INSERT INTO governance_presenceperiod (id, assignment_id, starts_at, ends_at)
SELECT pg_temp.made('presence', n), id, starts_at + interval '1 minute',
       CASE WHEN state IN ('suspended', 'revoked')
            THEN least(ends_at, %(now)s::timestamptz - interval '2 minutes') + interval '1 minute' END
FROM made_assignment WHERE state IN ('active', 'suspended', 'revoked', 'revoking', 'revocation_failed');

INSERT INTO governance_provisioningtask (id, assignment_id, operation, generation, state, attempts_made, next_attempt_at,
                                         claimed_until, claim_token, escalated_at, last_error, created_at)
SELECT pg_temp.made('task', n), id, CASE WHEN wanted THEN 'grant' ELSE 'revoke' END, generation,
       CASE state WHEN 'provisioning' THEN 'queued' WHEN 'revoking' THEN 'queued' WHEN 'revocation_failed' THEN 'failed'
                  WHEN 'provisioning_failed' THEN 'dead' ELSE 'verified' END,
       CASE WHEN state IN ('provisioning', 'revoking') THEN 0 ELSE 1 END, %(now)s, NULL, NULL, NULL,
       CASE state WHEN 'revocation_failed' THEN 'The system did not answer' WHEN 'provisioning_failed' THEN 'The system refused'
                  ELSE '' END,
       CASE WHEN wanted THEN starts_at ELSE least(ends_at, %(now)s::timestamptz) END
FROM made_assignment;
