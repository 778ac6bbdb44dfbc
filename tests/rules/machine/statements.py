"""The rules as questions to the database: each finds what breaks a rule, whoever has written it.

They repeat nothing of the product's own queries: a rule that the product reads wrongly is found all the same.
"""

from datetime import datetime
from functools import cache
from typing import Any

from governance.access.models import Assignment
from governance.approvals.models import ApprovalRoute, ApprovalStep, Question
from governance.core.history import history_model
from governance.grants.models import Grant
from governance.identities.models import Identity, Ownership, TeamMembership
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.provisioning.models import ProvisioningTask
from governance.requests.models import AccessRequest, RequestItem
from tests.rules.machine.prepared import Prepared

GOVERNED: tuple[Any, ...] = (
    Grant, Assignment, AccessRequest, RequestItem, ApprovalRoute, ApprovalStep, Question, Identity, Ownership,
    TeamMembership, PolicyRule, PolicyRuleVersion,
)  # fmt: skip
"""Models whose every version is kept and that a sequence changes."""
STATED: tuple[Any, ...] = (*(model for model in GOVERNED if model.MOVES), ProvisioningTask)
"""Models whose states are told by events."""

TASKS = ProvisioningTask._meta.db_table
BATCHES = """
    SELECT action, sequence, (facts ->> 'first')::uuid AS first, (facts ->> 'last')::uuid AS last,
           (facts ->> 'count')::bigint AS count, facts ->> 'sha256' AS sha256
    FROM audit_event JOIN audit_body USING (sequence)
    CROSS JOIN LATERAL (SELECT line::jsonb -> 'facts' AS facts) AS told
    WHERE action = 'provisioning_task.queued' AND facts ? 'sha256'
"""
"""Removals of a sweep, which one event records; the first of them is its subject."""
LINE = """
    format('{"assignment_id":"%s","generation":%s,"id":"%s","operation":"%s"}',
           assignment_id, generation, id, operation)
"""

NOT_STARTED = "('approved', 'scheduled', 'cancelled')"
NOT_ENDED = "('approved', 'scheduled', 'provisioning', 'provisioning_failed', 'active', 'suspended')"
STANDING = "('provisioning', 'provisioning_failed', 'active', 'suspended')"
OPEN_TASKS = "('queued', 'running', 'succeeded', 'failed')"
OF_OTHERS = "'approval_step.asked', 'approval_step.unanswerable'"
"""Events about a row that has not changed itself: whom a step asks is kept in rows of their own."""
DECIDED = """
    governance_decision AS d
    JOIN governance_approvalstep AS step ON step.id = d.step_id
    JOIN governance_approvalroute AS route ON route.id = step.route_id
    JOIN governance_requestitem AS item ON item.id = route.subject_id
    JOIN governance_accessrequest AS request ON request.id = item.request_id
    JOIN governance_identity AS decider ON decider.id = d.decider_id
"""

STATEMENTS = {
    "1: a lease lacks what it rests on, or outlasts it": f"""
        SELECT 'G-' || g.number FROM governance_grant AS g
        JOIN governance_purpose AS purpose ON purpose.id = g.purpose_id
        JOIN governance_identity AS owner ON owner.id = g.accountable_owner_id
        JOIN governance_identity AS holder ON holder.id = g.identity_id
        WHERE g.state IN {NOT_ENDED} AND (
            purpose.state <> 'active' OR owner.state = 'ended' OR holder.state = 'ended' OR g.basis = ''
            OR g.ends_at > least(purpose.ends_at, purpose.review_at, holder.ends_at))
    """,
    "1: a lease is longer than what was asked for or policy allows": f"""
        SELECT 'G-' || g.number FROM governance_grant AS g
        JOIN governance_entitlement AS what ON what.id = g.entitlement_id
        JOIN governance_policydecision AS d ON d.id = g.activation_decision_id
        WHERE g.state NOT IN {NOT_STARTED} AND (
            g.ends_at - g.starts_at > least(what.longest_lease, g.term) OR g.ends_at > d.latest_end
            OR EXISTS (SELECT FROM governance_policyruleversion AS v
                       WHERE v.condition = 'true' AND v.state <> 'draft' AND v.effective_from <= g.starts_at
                         AND (v.effective_until IS NULL OR v.effective_until > g.starts_at)
                         AND g.ends_at > g.starts_at + make_interval(secs => (v.outcomes ->> 'cap_seconds')::int)))
    """,
    "1: nobody answers for the machine identity that holds it": f"""
        SELECT 'G-' || g.number FROM governance_grant AS g
        JOIN governance_identity AS holder ON holder.id = g.identity_id
        WHERE g.state IN {NOT_ENDED} AND holder.human_id IS NULL AND NOT EXISTS (
            SELECT FROM governance_ownership AS o JOIN governance_identity AS owner ON owner.id = o.identity_id
            WHERE o.subject_id = holder.id AND o.role = 'owner' AND owner.state <> 'ended'
              AND o.starts_at <= $1 AND (o.ends_at IS NULL OR o.ends_at > $1))
    """,
    "1: who has left still owns something or belongs to a team": """
        SELECT who.name FROM governance_identity AS who WHERE who.state = 'ended' AND (
            EXISTS (SELECT FROM governance_ownership
                    WHERE identity_id = who.id AND (ends_at IS NULL OR ends_at > $1))
            OR EXISTS (SELECT FROM governance_teammembership
                       WHERE identity_id = who.id AND (ends_at IS NULL OR ends_at > $1)))
    """,
    "2: somebody has decided for their own access": f"""
        SELECT decider.name || ' on R-' || request.number FROM {DECIDED}
        WHERE step.kind <> 'identity_owner' AND EXISTS (
            SELECT FROM governance_identity AS one
            WHERE (one.id = decider.id OR one.human_id = decider.human_id) AND (
                one.id IN (request.requester_id, request.beneficiary_id)
                OR EXISTS (SELECT FROM governance_ownership AS o
                           WHERE o.subject_id = request.beneficiary_id AND o.identity_id = one.id
                             AND o.starts_at <= d.at AND (o.ends_at IS NULL OR o.ends_at > d.at))))
    """,
    "2: one human has said yes twice on one route": """
        SELECT one.name FROM governance_decision AS a
        JOIN governance_approvalstep AS first ON first.id = a.step_id
        JOIN governance_identity AS one ON one.id = a.decider_id
        JOIN governance_approvalstep AS second ON second.route_id = first.route_id
        JOIN governance_decision AS b ON b.step_id = second.id AND b.id > a.id
        JOIN governance_identity AS other ON other.id = b.decider_id AND other.human_id = one.human_id
        WHERE a.verdict = 'approve' AND b.verdict = 'approve'
    """,
    "2: somebody has decided who was never asked, or had left": f"""
        SELECT decider.name || ' on R-' || request.number FROM {DECIDED}
        WHERE NOT EXISTS (SELECT FROM governance_stepapprover WHERE step_id = step.id AND identity_id = decider.id)
           OR (decider.state = 'ended' AND decider.ends_at < d.at)
    """,
    "2: somebody has decided after changing policy": f"""
        SELECT decider.name || ' on R-' || request.number FROM {DECIDED}
        JOIN audit_event AS change ON change.actor_id = decider.id
         AND change.at >= route.opened_at AND change.at <= d.at AND change.action LIKE 'policy_rule_version.%'
    """,
    "2: a step is approved without as many as must": """
        SELECT step.id::text FROM governance_approvalstep AS step WHERE step.state = 'approved' AND step.required > (
            SELECT count(DISTINCT decider.human_id) FROM governance_decision AS d
            JOIN governance_identity AS decider ON decider.id = d.decider_id
            WHERE d.step_id = step.id AND d.verdict IN ('approve', 'consent'))
    """,
    "2: a lease that nobody and no policy has said yes to": """
        SELECT 'G-' || g.number FROM governance_grant AS g
        WHERE NOT EXISTS (SELECT FROM governance_decision WHERE subject_id = g.source_id AND verdict = 'approve')
           OR EXISTS (SELECT FROM governance_approvalroute AS route
                      LEFT JOIN governance_approvalstep AS step ON step.route_id = route.id
                      WHERE route.subject_id = g.source_id
                        AND (route.state <> 'approved' OR step.state NOT IN ('approved', 'skipped')))
    """,
    "3: a lease has begun without a yes of policy at that moment": f"""
        SELECT 'G-' || g.number FROM governance_grant AS g
        LEFT JOIN governance_policydecision AS d ON d.id = g.activation_decision_id
        WHERE g.state NOT IN {NOT_STARTED} AND (
            d.id IS NULL OR d.phase <> 'activation' OR d.subject_id <> g.id OR NOT d.allowed OR d.at <> g.starts_at
            OR EXISTS (SELECT FROM governance_policyruleversion AS v JOIN governance_policyrule AS r ON r.id = v.rule_id
                       WHERE v.state <> 'draft' AND v.effective_from <= g.starts_at
                         AND (v.effective_until IS NULL OR v.effective_until > g.starts_at)
                         AND ((d.rule_versions ->> r.key)::int IS DISTINCT FROM v.number OR v.outcomes ? 'deny')))
    """,
    "3: a lease has begun without a step that policy asked for by then": f"""
        SELECT 'G-' || g.number || ' ' || (asked.step ->> 'kind') FROM governance_grant AS g
        JOIN governance_policyruleversion AS v ON v.condition = 'true' AND v.state <> 'draft'
         AND v.effective_from <= g.starts_at AND (v.effective_until IS NULL OR v.effective_until > g.starts_at)
        CROSS JOIN jsonb_array_elements(v.outcomes -> 'steps') AS asked (step)
        WHERE g.state NOT IN {NOT_STARTED} AND NOT EXISTS (
            SELECT FROM governance_approvalroute AS route
            JOIN governance_approvalstep AS step ON step.route_id = route.id
            WHERE route.subject_id = g.source_id AND step.kind = asked.step ->> 'kind' AND step.state = 'approved')
    """,
    "3: access is given without a lease that policy has let begin": """
        SELECT t.id::text FROM governance_provisioningtask AS t WHERE t.operation = 'grant' AND NOT EXISTS (
            SELECT FROM governance_grant AS g JOIN governance_policydecision AS d ON d.id = g.activation_decision_id
            WHERE g.assignment_id = t.assignment_id AND d.allowed AND g.starts_at <= t.created_at)
    """,
    "4: what has ended is not being removed": f"""
        SELECT 'G-' || g.number FROM governance_grant AS g
        WHERE g.state IN ('revoking', 'revocation_failed') AND NOT EXISTS (
            SELECT FROM governance_provisioningtask AS t
            WHERE t.assignment_id = g.assignment_id AND t.operation = 'revoke' AND t.state IN {OPEN_TASKS})
    """,
    "5: what begins is not being proven": f"""
        SELECT 'G-' || g.number FROM governance_grant AS g
        WHERE g.state = 'provisioning' AND g.ends_at > $1 AND NOT EXISTS (
            SELECT FROM governance_provisioningtask AS t
            WHERE t.assignment_id = g.assignment_id AND t.operation = 'grant' AND t.state IN {OPEN_TASKS})
    """,
    "5: more than one task drives an assignment, or one that is not for what is wanted": f"""
        SELECT a.id::text FROM governance_provisioningtask AS t
        JOIN governance_assignment AS a ON a.id = t.assignment_id
        WHERE t.state IN {OPEN_TASKS}
        GROUP BY a.id
        HAVING count(*) > 1 OR bool_or((t.operation = 'grant') <> a.wanted OR t.generation <> a.generation)
    """,
    "5: a task was proven twice": """
        SELECT task_id::text FROM governance_taskattempt WHERE outcome = 'proved' GROUP BY task_id HAVING count(*) > 1
    """,
    "6: two leases of the same for the same purpose at one moment": """
        SELECT 'G-' || a.number || ' and G-' || b.number FROM governance_grant AS a
        JOIN governance_grant AS b ON b.number > a.number AND b.identity_id = a.identity_id
         AND b.entitlement_id = a.entitlement_id AND b.purpose_id = a.purpose_id
        WHERE 'cancelled' NOT IN (a.state, b.state) AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
    """,
    "6: an assignment is wanted without a live lease, or not with one": f"""
        SELECT a.id::text FROM governance_assignment AS a CROSS JOIN LATERAL (
            SELECT coalesce(bool_or(g.state <> 'suspended' AND g.starts_at <= $1 AND g.ends_at > $1), false),
                   coalesce(bool_or(g.ends_at <= $1), false)
            FROM governance_grant AS g WHERE g.assignment_id = a.id AND g.state IN {STANDING}) AS g (live, unswept)
        WHERE CASE WHEN g.live THEN NOT a.wanted ELSE a.wanted AND NOT g.unswept END
    """,
    "16: a step asks somebody who has left": """
        SELECT who.name FROM governance_stepapprover AS asked
        JOIN governance_approvalstep AS step ON step.id = asked.step_id AND step.state = 'open'
        JOIN governance_identity AS who ON who.id = asked.identity_id AND who.state = 'ended'
        WHERE asked.ends_at IS NULL
    """,
    "16: something waits for somebody who has left": """
        SELECT 'R-' || request.number FROM governance_accessrequest AS request
        JOIN governance_identity AS who ON who.id IN (request.requester_id, request.beneficiary_id)
        WHERE request.state IN ('submitted', 'in_review', 'returned') AND who.state = 'ended'
    """,
    "16: something waits on a route that goes nowhere": """
        SELECT item.id::text FROM governance_requestitem AS item
        JOIN governance_accessrequest AS request ON request.id = item.request_id
        WHERE (item.state = 'pending') <> EXISTS (
            SELECT FROM governance_approvalroute AS route
            JOIN governance_approvalstep AS step ON step.route_id = route.id
            WHERE route.subject_id = item.id AND route.state = 'open' AND step.state IN ('open', 'returned'))
           OR item.state = 'pending' AND request.state NOT IN ('in_review', 'returned')
    """,
}


def broken(now: datetime) -> list[str]:
    """What breaks a rule at the moment, each with the rule's number and what it is about."""
    return [found for (found,) in _all().rows(now)]


@cache
def _all() -> Prepared:
    each = (
        f"SELECT 'rule {rule}: ' || found FROM ({statement}) AS found (found)"
        for rule, statement in {**STATEMENTS, **_of_records()}.items()
    )
    return Prepared("broken", " UNION ALL ".join(each))


def _of_records() -> dict[str, str]:
    """Rules 13 and 18 for every governed model."""
    tables = [(model.NOUN, model._meta.db_table, history_model(model)._meta.db_table) for model in GOVERNED]
    nouns = ", ".join(f"'{noun}'" for noun, *_ in tables)
    unversioned = " UNION ALL ".join(
        f"SELECT '{noun} ' || r.id FROM {table} AS r WHERE NOT EXISTS ("
        f"SELECT FROM {kept} AS h WHERE h.id = r.id AND to_jsonb(h) @> to_jsonb(r))"
        for noun, table, kept in tables
    )
    versions = " UNION ALL ".join(
        f"SELECT '{noun}' AS noun, id, count(*) AS versions FROM {kept} GROUP BY id" for noun, _, kept in tables
    )
    gone = " UNION ALL ".join(
        f"SELECT '{noun} ' || h.id FROM {kept} AS h WHERE NOT EXISTS (SELECT FROM {table} WHERE id = h.id)"
        for noun, table, kept in tables
    )
    states = " UNION ALL ".join(
        f"SELECT id, '{model.NOUN}.' || state AS action FROM {model._meta.db_table}" for model in STATED
    )
    actions = ", ".join(
        f"'{model.NOUN}.{state}'" for model in STATED for state, _ in model._meta.get_field("state").choices
    )
    return {
        "13: a change is not in the history": unversioned,
        "13: versions and events do not match": f"""
            SELECT noun || ' ' || id FROM ({versions}) AS kept
            FULL JOIN (SELECT split_part(action, '.', 1) AS noun, subject_id AS id, count(*) AS events
                       FROM audit_event WHERE split_part(action, '.', 1) IN ({nouns}) AND action NOT IN ({OF_OTHERS})
                       GROUP BY 1, 2) AS told
            USING (noun, id) WHERE versions IS DISTINCT FROM events
        """,
        "13: the last event does not tell the state": f"""
            SELECT now.action || ' ' || now.id FROM ({states}) AS now
            LEFT JOIN (SELECT DISTINCT ON (id) id, action FROM (
                           SELECT subject_id AS id, action, sequence FROM audit_event WHERE action IN ({actions})
                           UNION ALL SELECT task.id, action, sequence FROM ({BATCHES}) AS batch JOIN {TASKS} AS task
                           ON task.id BETWEEN batch.first AND batch.last) AS one
                       ORDER BY id, sequence DESC) AS told
            USING (id) WHERE told.action IS DISTINCT FROM now.action
        """,
        "13: a batch is not what its event says": f"""
            SELECT batch.sequence FROM ({BATCHES}) AS batch CROSS JOIN LATERAL (
                SELECT count(*) AS count, encode(sha256(convert_to(string_agg({LINE}, chr(10) ORDER BY id), 'UTF8')),
                       'hex') AS sha256 FROM {TASKS} WHERE id BETWEEN batch.first AND batch.last) AS made
            WHERE (made.count, made.sha256) IS DISTINCT FROM (batch.count, batch.sha256)
        """,
        "18: something is gone that was there": gone,
    }
