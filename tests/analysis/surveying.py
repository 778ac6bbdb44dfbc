"""A survey that has found one thing of each sort, without the months that it takes."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from governance.access.states import Observation
from governance.analysis import actions
from governance.analysis.models import RoleSuggestion, StaleFinding, Survey
from governance.analysis.settling import finding
from governance.analysis.stale import KINDS, Seen
from governance.analysis.states import ROLES, Stale
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.models import Governed
from governance.grants import actions as grants
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.policy.models import PolicyRuleVersion
from governance.requests import actions as requests
from tests import builders
from tests.builders import Organisation, actor, live_grant, person, see

SYSTEM = Actor.system("survey")
LATER = timedelta(days=100)


def found_by_now(what: Entitlement, now: datetime) -> tuple[Survey, StaleFinding, RoleSuggestion]:
    """A survey that runs; it has found that nobody holds the entitlement, and a role of it alone."""
    survey = actions.daily_survey(actor=SYSTEM, now=now)
    assert survey is not None
    figures = {"last": None, "risk": what.risk}
    key, kind = str(what.pk), Entitlement.NOUN
    seen = Seen(Stale.UNHELD, key, kind, what.pk, str(what), kind, what.pk, what.system_id, None, 70, figures)
    for part, found in ((Stale.UNHELD, finding(seen, survey)), (ROLES, a_role(survey, what))):
        actions._settle(survey, part, [found], actor=SYSTEM, now=now)
    return survey, StaleFinding.objects.get(), RoleSuggestion.objects.get()


def a_finding(survey: Survey, kind: Stale, about: Governed, **figures: Any) -> StaleFinding:
    """What the survey that runs has found of a thing, by the way."""
    of = KINDS[kind]
    holder = about.identity_id if isinstance(about, Grant) else None
    owner = about.pk
    if isinstance(about, Grant):
        owner = about.entitlement_id
    if isinstance(about, PolicyRuleVersion):
        owner = about.rule_id
    seen = Seen(kind, str(about.pk), of.subject, about.pk, str(about), of.owner, owner, None, holder, 80, figures)
    actions._settle(survey, kind, [finding(seen, survey)], actor=SYSTEM, now=survey.at)
    return StaleFinding.objects.get(kind=kind)


def a_role(survey: Survey, *items: Entitlement, **given: Any) -> RoleSuggestion:
    """A suggestion that is not saved yet."""
    values = {
        "key": "0" * 64,
        "score": 90,
        "department": "Finance",
        "title": "Clerk",
        "criteria": "identity.department == 'Finance' && identity.title == 'Clerk'",
        "members": 6,
        "matched": 7,
        "covered": 18,
        "missing": 0,
        "excess": 2,
        "standing": 30,
    }
    return RoleSuggestion(
        survey=survey, found_at=survey.at, entitlements=[item.pk for item in items], **{**values, **given}
    )


def removed(grant: Grant) -> None:
    """The lease runs out, and the access is seen to be gone."""
    over = grant.ends_at + timedelta(seconds=1)
    grants.expire_due(now=over)
    see(Grant.objects.get(pk=grant.pk), Observation.ABSENT, now=over)


def later() -> datetime:
    """When all there is is old enough."""
    return timezone.now() + LATER


def peers(org: Organisation, size: int) -> list[Identity]:
    """So many clerks of one department."""
    return [person(manager=org.manager, department="Finance", title="Clerk") for _ in range(size)]


def leased(org: Organisation, who: Identity, now: datetime | None = None) -> Grant:
    """The entitlement, leased to somebody and verified present."""
    if not who.accounts.filter(system=org.system).exists():
        builders.account(who, org.system)
    draft = builders.draft(who, org.entitlement, org.purpose)
    return live_grant(requests.submit(draft=draft, actor=actor(who), now=now or timezone.now()), now=now)
