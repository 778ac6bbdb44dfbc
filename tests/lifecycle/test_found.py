import pytest
from django.utils import timezone

from governance.core.actor import Role
from governance.core.errors import Conflict
from governance.grants.queries import portal_roles
from governance.grants.states import GrantState
from governance.lifecycle.founding import Founder, found
from governance.policy.models import PolicyRule
from governance.policy.queries import rules_in_force
from governance.provisioning.actions import run_task
from governance.provisioning.models import ProvisioningTask

pytestmark = pytest.mark.django_db(transaction=True)

FOUNDER = Founder("ada", "ada@example.com", "Ada Moss", "a long enough password")


class TestFound:
    def test_leases_the_first_administrator_role_and_proves_it(self) -> None:
        now = timezone.now()
        grant = found(FOUNDER, now=now)
        assert grant.state == GrantState.PROVISIONING
        run_task(ProvisioningTask.objects.get().pk, clock=timezone.now)
        grant.refresh_from_db()
        assert grant.state == GrantState.ACTIVE
        user_id = grant.identity.user_id
        assert user_id is not None
        held = portal_roles([grant.identity_id], user_id, timezone.now())
        assert held == {Role.ADMINISTRATOR}
        assert portal_roles([grant.identity_id], user_id, grant.ends_at) == frozenset()

    def test_works_once(self) -> None:
        found(FOUNDER, now=timezone.now())
        with pytest.raises(Conflict):
            found(Founder("eve", "eve@example.com", "Eve", None), now=timezone.now())

    def test_leaves_no_door_open(self) -> None:
        found(FOUNDER, now=timezone.now())
        in_force = {rule.key for rule in rules_in_force(timezone.now())}
        assert in_force
        assert "POL-00" not in in_force
        assert PolicyRule.objects.filter(key="POL-00").exists()
