"""The settings of the tests: the product's, except for what is overridden here, each with its reason."""

from config import settings as product
from config.settings import *  # noqa: F403

# The quickest hasher: Argon2 is slow on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# No collectstatic before a test, and no files left behind.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# TRUNCATE is refused by the audit tables, as it should be: this backend empties the database another way. No pool: a
# test's thread that ends without closing its connection would take a place in it for good.
_default = product.DATABASES["default"]
DATABASES = {
    "default": {
        **_default,
        "ENGINE": "tests.harness.database",
        "OPTIONS": {key: value for key, value in _default["OPTIONS"].items() if key != "pool"},
    }
}
