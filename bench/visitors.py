"""Who looks at which pages: a person with leases and reports, and the first administrator, who sees everything."""

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.grants.models import Grant
from governance.grants.queries import PORTAL_SYSTEM
from governance.grants.states import GrantState
from governance.identities.models import Identity
from governance.management.organisation import SOURCE
from governance.provisioning.actions import run_task
from governance.provisioning.models import ProvisioningTask
from governance.users.models import User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def pages() -> dict[str, Callable[[], None]]:
    """Each page by its name, as a visit that fails unless it is answered."""
    people = Identity.objects.filter(source=SOURCE, kind="person", state="active")
    person = signed_in(people.get(external_key="E-15"))
    _provision_founder()
    founder = signed_in(Identity.objects.get(source="founding"))
    grant = Grant.objects.filter(identity__external_key="E-15", state=GrantState.ACTIVE).order_by("number")[0]
    event = AuditEvent.objects.order_by("-sequence")[0]
    visits = {
        "home": (person, reverse("home")),
        "request-list": (person, reverse("request-list")),
        "request-new": (person, reverse("request-new")),
        "approval-list": (person, reverse("approval-list")),
        "grant-list": (person, reverse("grant-list")),
        "grant-detail": (person, reverse("grant-detail", args=[grant.pk])),
        "grant-list of an administrator": (founder, reverse("grant-list")),
        "live grants of an administrator": (founder, reverse("grant-list") + "?state=active"),
        "event-list": (founder, reverse("event-list")),
        "event-detail": (founder, reverse("event-detail", args=[event.pk])),
    }
    return {name: partial(_visit, *visit) for name, visit in visits.items()}


def _visit(client: Client, address: str) -> None:
    status = client.get(address).status_code
    if status != 200:  # noqa: PLR2004 - HTTP's own number
        msg = f"{address} was answered with {status}"
        raise AssertionError(msg)


def _provision_founder() -> None:
    """The first administrator's role, by the portal's own connector, as a worker would."""
    for pk in ProvisioningTask.objects.open().filter(assignment__account__system__key=PORTAL_SYSTEM).values_list("pk"):
        run_task(pk[0], clock=timezone.now)


def signed_in(identity: Identity) -> Client:
    """The identity's browser. What is needed to sign in is put into the kept organisation once."""
    settings.ALLOWED_HOSTS = ["*"]
    user = identity.user or User.objects.filter(username=f"bench-{identity.external_key}").first()
    if user is None:
        address = f"{identity.external_key}@generated.example"
        user = User.objects.create_user(f"bench-{identity.external_key}", address, None, name=identity.name)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE governance_identity SET user_id = %s WHERE id = %s", [user.pk, identity.pk])
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client
