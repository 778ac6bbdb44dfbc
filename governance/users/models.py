from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from governance.core.actor import Role
from governance.core.ids import new_id
from governance.core.models import Record


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
