"""Rule 19: all times are UTC, all periods half-open: [starts_at, ends_at)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection, models
from django.utils import timezone

from governance.grants.actions import expire_due
from governance.grants.models import Grant
from governance.identities.models import Ownership, TeamMembership
from tests.builders import Organisation, keep, person, team
from tests.leases import HOUR, active, give_back, started
from tests.provisioning.things import Scripted
from tests.rules.sql import columns, insert

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class TestALease:
    def test_holds_at_its_first_moment_and_not_at_its_last(self, memory: Scripted) -> None:
        grant = active(Organisation())
        for moment, holds in (
            (grant.starts_at - INSTANT, False),
            (grant.starts_at, True),
            (grant.ends_at - INSTANT, True),
            (grant.ends_at, False),
        ):
            assert Grant.objects.live(moment).exists() == holds
            assert Grant.objects.usable(moment).exists() == holds

    def test_is_over_at_the_moment_of_its_end(self) -> None:
        grant = started(Organisation())
        assert expire_due(now=grant.ends_at - INSTANT) == 0
        assert expire_due(now=grant.ends_at) == 1

    def test_may_follow_another_without_a_gap_and_without_a_shared_moment(self) -> None:
        grant = started(Organisation())
        insert(columns(grant, starts_at=grant.ends_at, ends_at=grant.ends_at + HOUR))
        with pytest.raises(IntegrityError, match="rule_06_one_grant_per_purpose"):
            insert(columns(grant, starts_at=grant.ends_at - INSTANT, ends_at=grant.ends_at + HOUR))

    def test_that_ends_at_once_leaves_its_purpose_free_at_that_moment(self, memory: Scripted) -> None:
        org = Organisation()
        now = timezone.now() + HOUR
        grant = active(org)
        give_back(grant, now=now)
        assert started(org, now=now).starts_at == now


class TestAPeriod:
    def test_of_ownership_passes_without_a_gap(self) -> None:
        first, second = person(), person()
        thing: dict[str, Any] = {"subject_kind": "purpose", "subject_id": uuid4(), "role": "owner"}
        keep(Ownership(**thing, identity=first, starts_at=NOON - HOUR, ends_at=NOON))
        keep(Ownership(**thing, identity=second, starts_at=NOON))
        found = Ownership.objects.filter(subject_id=thing["subject_id"])
        assert found.at(NOON - INSTANT).get().identity == first
        assert found.at(NOON).get().identity == second

    def test_of_membership_does_not_overlap_another(self) -> None:
        one = person()
        group = team("books")
        keep(TeamMembership(team=group, identity=one, starts_at=NOON, ends_at=NOON + HOUR))
        with pytest.raises(IntegrityError, match="one_membership_of_a_team_at_a_time"):
            keep(TeamMembership(team=group, identity=one, starts_at=NOON + HOUR - INSTANT))


class TestEveryTime:
    def test_is_kept_with_its_zone(self) -> None:
        assert settings.USE_TZ
        assert settings.TIME_ZONE == "UTC"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_name || '.' || column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"
            )
            assert cursor.fetchall() == []

    def test_is_read_in_utc(self) -> None:
        grant = started(Organisation())
        grant.refresh_from_db()
        assert grant.starts_at.tzinfo is UTC
        with connection.cursor() as cursor:
            cursor.execute("SHOW timezone")
            assert cursor.fetchone() == ("UTC",)

    def test_stands_in_a_field_that_knows_no_default(self) -> None:
        """`now` is an argument: a clock in a model would be a second one."""
        clocks = [
            f"{model.__name__}.{field.name}"
            for model in apps.get_app_config("governance").get_models()
            for field in model._meta.get_fields()
            if isinstance(field, models.DateTimeField) and (field.auto_now or field.auto_now_add)
        ]
        assert not clocks
