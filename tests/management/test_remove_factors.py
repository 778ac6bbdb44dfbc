import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from governance.audit.models import AuditEvent
from governance.notifications.models import Notification
from governance.notifications.states import Topic
from tests.builders import person

pytestmark = pytest.mark.django_db


class TestRemoveFactors:
    def test_takes_them_all_and_keeps_the_reason(self) -> None:
        ada = person("Ada")
        user = ada.user
        assert user is not None
        for kind in (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES):
            Authenticator.objects.create(user=user, type=kind, data={})
        call_command("remove_factors", username=user.username, reason="Lost her phone; seen in person.")
        assert not Authenticator.objects.exists()
        event = AuditEvent.objects.get(action="user.factors_removed")
        assert event.content is not None
        assert event.content["reason"] == "Lost her phone; seen in person."
        assert event.content["facts"] == {"factors": ["recovery_codes", "totp"]}
        said = Notification.objects.get(recipient=ada)
        assert (said.topic, said.title) == (Topic.SECURITY, "Your second factors were removed")
        assert "Lost her phone; seen in person." in said.body

    @pytest.mark.parametrize(("username", "reason"), [("nobody", "Lost"), ("nobody", " ")])
    def test_says_what_is_wrong(self, username: str, reason: str) -> None:
        with pytest.raises(CommandError):
            call_command("remove_factors", username=username, reason=reason)
