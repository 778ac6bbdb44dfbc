"""Django's settings, all of them. What differs between installations comes from `config.env`."""

import os
from datetime import timedelta
from typing import Any

from csp.constants import NONE, SELF

from config import addresses, env, logging, paths
from config.env import Environment
from config.safety import require_safe

# --- Environment ------------------------------------------------------------------------------------------------------
ENVIRONMENT = Environment(os.environ)
require_safe(ENVIRONMENT)

DEBUG = ENVIRONMENT[env.DEBUG]
DEMO_MODE = ENVIRONMENT[env.DEMO_MODE]
PLAIN_HTTP = DEBUG or DEMO_MODE  # both are held to a loopback address by require_safe()

# --- The installation -------------------------------------------------------------------------------------------------
ORGANISATION_NAME = ENVIRONMENT[env.ORGANISATION_NAME]
AUDIT_LOG_ORIGIN = ENVIRONMENT[env.AUDIT_LOG_ORIGIN]
AUDIT_SIGNING_KEY = ENVIRONMENT[env.AUDIT_SIGNING_KEY]

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config",
    "governance",
    "governance.users",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "guardian",
    "rest_framework",
    "simple_history",
]

# --- Requests ---------------------------------------------------------------------------------------------------------
# simple_history's HistoryRequestMiddleware is missing on purpose: who changed a row is written by the code that
# changes it, never guessed from a thread-local.
MIDDLEWARE = [
    "config.logging.RequestIdMiddleware",
    "config.bodies.BodyLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "governance.web.actor.ActorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

# --- Templates and static files ---------------------------------------------------------------------------------------
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [paths.TEMPLATES],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "governance.web.context.portal",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

MEDIA_ROOT = paths.ROOT / ENVIRONMENT[env.FILES_ROOT]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STATIC_URL = "/static/"
STATIC_ROOT = paths.ROOT / ENVIRONMENT[env.STATIC_ROOT]
STATICFILES_DIRS = [paths.STATIC]
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Data -------------------------------------------------------------------------------------------------------------
DATABASES = {
    "default": addresses.database(
        ENVIRONMENT[env.DATABASE_URL],
        pool_max=ENVIRONMENT[env.DATABASE_POOL_MAX],
        lock_timeout_ms=ENVIRONMENT[env.DATABASE_LOCK_TIMEOUT_MS],
        idle_timeout_ms=ENVIRONMENT[env.DATABASE_IDLE_TIMEOUT_MS],
    )
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ENVIRONMENT[env.REDIS_URL],
        "KEY_PREFIX": "leasehold",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    }
}
BROKER_URL = addresses.broker(ENVIRONMENT[env.REDIS_URL])

# --- People and sessions ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 60 * 60

ACCOUNT_ADAPTER = "governance.web.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_FORMS = {
    "login": "governance.web.accounts.forms.SignInForm",
    "reauthenticate": "governance.web.accounts.forms.ConfirmForm",
    "reset_password": "governance.web.accounts.forms.AskForLinkForm",
    "set_password": "governance.web.accounts.forms.SetPasswordForm",
    "change_password": "governance.web.accounts.forms.ChangePasswordForm",
    "reset_password_from_key": "governance.web.accounts.forms.ResetPasswordForm",
}
PASSWORD_RESET_TIMEOUT = 60 * 60
ACCOUNT_RATE_LIMITS = {"guessed": "50/h/key"}  # fewer in a day than the five in five minutes for one address allow
MFA_ADAPTER = "governance.web.accounts.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # a passkey counts as two factors only because it has verified its user
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Leasehold"
MFA_TOTP_TOLERANCE = 1  # step of 30 seconds that a telephone's clock may be ahead or behind (RFC 6238, section 5.2)
MFA_FORMS = {
    "activate_totp": "governance.web.accounts.codes.SetUpForm",
    "authenticate": "governance.web.accounts.codes.SignInForm",
    "reauthenticate": "governance.web.accounts.codes.ConfirmForm",
}
ALLAUTH_TRUSTED_PROXY_COUNT = int(ENVIRONMENT[env.TRUST_PROXY_HEADERS])  # rate limits count the visitor's address
SOCIALACCOUNT_ADAPTER = "governance.web.accounts.oidc.ProviderAdapter"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": addresses.provider(ENVIRONMENT)},
}
OIDC_SOURCES = ENVIRONMENT[env.OIDC_SOURCES]
OIDC_EXTERNAL_KEY_CLAIM = ENVIRONMENT[env.OIDC_EXTERNAL_KEY_CLAIM]
OIDC_ACR_TWO_FACTORS = ENVIRONMENT[env.OIDC_ACR_TWO_FACTORS]
OIDC_ROLE_CLAIM = ENVIRONMENT[env.OIDC_ROLE_CLAIM]
OIDC_ROLES = ENVIRONMENT[env.OIDC_ROLES]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

# --- Security ---------------------------------------------------------------------------------------------------------
SECRET_KEY = ENVIRONMENT[env.SECRET_KEY]
ALLOWED_HOSTS = ENVIRONMENT[env.ALLOWED_HOSTS]
CSRF_TRUSTED_ORIGINS = ENVIRONMENT[env.CSRF_TRUSTED_ORIGINS]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PLAIN_HTTP
SECURE_SSL_REDIRECT = ENVIRONMENT[env.HTTPS_REDIRECT]
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else ENVIRONMENT[env.HSTS_SECONDS]
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT[env.TRUST_PROXY_HEADERS] else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- API --------------------------------------------------------------------------------------------------------------
API_TOKEN_LONGEST = timedelta(days=ENVIRONMENT[env.API_TOKEN_LONGEST_DAYS])
API_LIMITS = {
    "read": ENVIRONMENT[env.API_READS_PER_MINUTE],
    "change": ENVIRONMENT[env.API_CHANGES_PER_MINUTE],
    "refused": ENVIRONMENT[env.API_REFUSALS_PER_MINUTE],
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.api.authentication.TokenAuthentication",
        "governance.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["governance.api.authentication.WithinScope"],
    "DEFAULT_THROTTLE_CLASSES": ["governance.api.throttling.PerCaller"],
    "DEFAULT_PARSER_CLASSES": ["governance.api.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "governance.api.schema.Operation",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "governance.api.problems.answer",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "UNICODE_JSON": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Leasehold",
    "DESCRIPTION": "Access as leases: who holds what, for which purpose, from whom, until when, and the proof.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["governance.api.schema.finish"],
}

# --- Language and time ------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Mail -------------------------------------------------------------------------------------------------------------
PUBLIC_URL = ENVIRONMENT[env.PUBLIC_URL]
DEFAULT_FROM_EMAIL = ENVIRONMENT[env.DEFAULT_FROM_EMAIL]
globals().update(addresses.mail(ENVIRONMENT[env.EMAIL_URL]))

# --- Log --------------------------------------------------------------------------------------------------------------
LOGGING_CONFIG = None
logging.configure(form=ENVIRONMENT[env.LOG_FORMAT], level=ENVIRONMENT[env.LOG_LEVEL])
