from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.core.actor import Role
from governance.core.ids import new_id
from governance.core.models import Governed, Record
from governance.core.moves import plain
from governance.users import querysets
from governance.users.states import MOVES, Scope, TokenState


class UserManager(BaseUserManager["User"]):
    """Makes sign-in accounts; who may have one is decided above."""

    def create_user(self, username: str, email: str, password: str | None, *, name: str) -> "User":
        """A user with a hashed password, or none that works when `password` is None."""
        user = self.model(
            username=self.model.normalize_username(username), email=self.normalize_email(email), name=name
        )
        user.set_password(password)
        user.save(force_insert=True)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A sign-in account. What it may do follows from the grants of the identity it is linked to."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email", "name"]

    objects = UserManager()

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        """The name as people write it."""
        return self.name


class PortalRole(Record):
    """A role as the portal itself holds it: what its own connector writes and reads back (rule 17)."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="portal_roles")
    role = models.CharField(max_length=32, choices=[(role.value, role.value) for role in Role])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "role"], name="one_row_per_portal_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role}"


class ApiToken(Governed):
    """What a program signs in with, for a person or as a machine identity, within scopes and until its end.

    Of the secret only a prefix and a digest are kept. A machine identity is named by its id alone: identities are
    above this package, and nothing governed is deleted.
    """

    NOUN = "api_token"
    MOVES = MOVES

    name = models.CharField(max_length=100)
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="api_tokens")
    identity_id = models.UUIDField(null=True, db_index=True)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    state = models.CharField(max_length=16, choices=TokenState.choices, default=TokenState.ACTIVE)
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = querysets.TokenQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, identity_id__isnull=True)
                | Q(user__isnull=True, identity_id__isnull=False),
                name="token_is_a_persons_or_a_machines",
            ),
            models.CheckConstraint(condition=Q(state__in=TokenState.values), name="token_state_is_known"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("created_at")), name="token_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(scopes__len__gt=0, scopes__contained_by=Scope.values), name="token_has_known_scopes"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (lh_{self.prefix})"

    def works(self, now: datetime) -> bool:
        """Whether it is neither revoked nor past its end."""
        return self.state == TokenState.ACTIVE and self.ends_at > now

    def facts(self) -> dict[str, Any]:
        """Whose it is, what for and until when; nothing of the secret."""
        return {
            "user_id": plain(self.user_id),
            "identity_id": plain(self.identity_id),
            "scopes": list(self.scopes),
            "ends_at": plain(self.ends_at),
        }


class ApiTokenUse(models.Model):
    """When a token was last used, to the minute. A row of its own: using a token changes nothing of it."""

    token = models.OneToOneField(ApiToken, primary_key=True, on_delete=models.PROTECT, related_name="use")
    last_used_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.token} at {self.last_used_at:%Y-%m-%d %H:%M}"
