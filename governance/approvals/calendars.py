"""Whose working hours a step's times are counted in."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from governance.approvals.hours import AllHours, Hours
from governance.approvals.models import ApprovalStep, Calendar
from governance.approvals.queries import resolve
from governance.identities.models import Identity


def hours_for(step: ApprovalStep, now: datetime) -> Hours:
    """The hours of the first of those asked whose department has a calendar, else the general ones, else all."""
    calendars = list(Calendar.objects.order_by("name"))
    if not calendars:
        return AllHours()
    own = _of_departments(calendars, [one.identity_id for one in resolve(step, now)])
    found = own or next((one for one in calendars if one.general), None)
    return found.hours if found else AllHours()


def _of_departments(calendars: Sequence[Calendar], asked: Sequence[UUID]) -> Calendar | None:
    if not any(one.departments for one in calendars):
        return None
    departments = dict(Identity.objects.filter(pk__in=asked).values_list("pk", "department"))
    by_department = {name: one for one in reversed(calendars) for name in one.departments}
    return next((by_department[departments[pk]] for pk in asked if departments.get(pk) in by_department), None)
