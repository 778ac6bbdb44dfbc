from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Sign-in accounts: an app of its own, because a custom user in the big app makes migrations circular."""

    name = "governance.users"
    label = "users"
