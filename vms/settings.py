"""Django's settings, derived from the operator's settings in `vms.env`.

No app imports this module; they read `django.conf.settings`.
"""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from vms import logs, secret
from vms.env import PROJECT_DIR, BadSetting, read_settings
from vms.values import in_header

try:
    VMS: dict[str, Any] = read_settings()
except BadSetting as error:
    raise ImproperlyConfigured(str(error)) from error

BASE_DIR = PROJECT_DIR
DATA_DIR = VMS["VMS_DATA_DIR"]
ARCHIVE_DIR = VMS["VMS_ARCHIVE_DIR"] or DATA_DIR / "archive"
STORAGE_DIR = VMS["VMS_STORAGE_DIR"] or DATA_DIR / "storage"
INDEX_DIR = DATA_DIR / "index"
LINKS_DIR = DATA_DIR / "links"
PREVIEWS_DIR = DATA_DIR / "previews"
RUN_DIR = DATA_DIR / "run"
STATIC_ROOT = DATA_DIR / "static"

# Embedded: this machine's `manage.py up` runs the database file and the broker by itself.
EMBEDDED = VMS["VMS_DATABASE_URL"] is None and VMS["VMS_REDIS_URL"] is None
try:
    # Database, recordings and keys lie there: nobody else on the machine may read them.
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns about a folder that is missing
    SECRET_KEY = VMS["VMS_SECRET_KEY"] or secret.kept_key(DATA_DIR, embedded=EMBEDDED)
    EMBEDDED_REDIS_URL = secret.embedded_redis_url(RUN_DIR)
except BadSetting as error:
    raise ImproperlyConfigured(str(error)) from error
except OSError as error:
    raise ImproperlyConfigured(
        f"VMS_DATA_DIR cannot be used: name a folder that this user may write ({error.strerror})."
    ) from error

# The first signs links, each of them verifies.
LINK_KEYS = VMS["VMS_LINK_KEYS"] or [SECRET_KEY]

DEBUG = VMS["VMS_DEBUG"]
PUBLIC_URL = VMS["VMS_PUBLIC_URL"]
PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname if PUBLIC_URL else None
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
if VMS["VMS_ALLOWED_HOSTS"] is not None:
    ALLOWED_HOSTS = VMS["VMS_ALLOWED_HOSTS"]
else:
    OWN_HOSTS = {PUBLIC_HOST, VMS["VMS_HOST"]} - {None, "0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    ALLOWED_HOSTS = [*LOOPBACK, *sorted({in_header(host) for host in OWN_HOSTS} - set(LOOPBACK))]

# --- safety of the wire ---------------------------------------------------------------------
HTTPS = bool(PUBLIC_URL and PUBLIC_URL.startswith("https://"))
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# We answer for our own host. What its sub-domains do, and whether browsers learn of it before they
# ever visited, is for the owner of the domain to decide; so the checks that ask for it are silent.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
# uvicorn takes the scheme and the client's address from trusted proxies, and from nobody else;
# Django's own switches for that would believe everybody.
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
X_FRAME_OPTIONS = "DENY"
# Pages bring their own scripts and nobody else's; Swagger's page alone sets styles by script.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "media-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20

# --- apps -------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "vms.accounts",
    "vms.api",
    "vms.push",
    "vms.webhooks",
    "vms.ops",
    "cameras",
    "exports",
    "downloads",
    "previews",
    "exports.psim",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_celery_beat",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
]
MIDDLEWARE = [
    "vms.api.middleware.RequestIdMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "vms.urls"
ASGI_APPLICATION = "vms.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True
# Whitenoise hands small files over as plain iterators, and Django reads each whole before sending.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# --- database ---------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": environ.Env.db_url_config(VMS["VMS_DATABASE_URL"])
    if VMS["VMS_DATABASE_URL"]
    # Not by way of an address, in which some letters of a path would have a meaning.
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "vms.sqlite3")}
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Write-ahead log: readers never wait for the writer. IMMEDIATE: a transaction that will write
    # takes its lock at the start, so it waits in line instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
ACCESS_TOKEN_LIFETIME = timedelta(seconds=VMS["VMS_ACCESS_TOKEN_SECONDS"])
REFRESH_TOKEN_LIFETIME = timedelta(seconds=VMS["VMS_REFRESH_TOKEN_SECONDS"])
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "ALGORITHM": "HS256",
    "UPDATE_LAST_LOGIN": False,
}

# --- API --------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "vms.accounts.authentication.IntegrationTokenAuthentication",
        "vms.accounts.authentication.SessionTokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["vms.api.parsers.BodyParser"],
    "DEFAULT_PAGINATION_CLASS": "vms.api.pagination.LengthAwarePagination",
    "DEFAULT_SCHEMA_CLASS": "vms.api.openapi.Description",
    "EXCEPTION_HANDLER": "vms.api.errors.answer_error",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "VMS",
    "DESCRIPTION": "Archive export server for camera systems.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "vms.api.openapi.declare_common_answers",
        "vms.ops.openapi.describe_the_rest",
        "vms.api.examples.show_examples",
        "exports.psim.openapi.describe_calls",
    ],
    # One set of words, two names of fields; the schema wants one name for the set.
    "ENUM_NAME_OVERRIDES": {"StreamEnum": ["high", "low"]},
}

# --- broker: Celery, sockets and the shared cache use one server ------------------------------
# `up` leaves the address of the server it started in the run folder, so commands typed in a
# second terminal reach it. Without any server the address is one that refuses at once.
REDIS_URL = VMS["VMS_REDIS_URL"] or EMBEDDED_REDIS_URL or "redis://127.0.0.1:1/0"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "vms.cache",
        "OPTIONS": {"pool_class": "vms.api.cache.SharedPool"},
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "vms.push.layer.PushLayer",
        "CONFIG": {
            # Without socket_timeout None, redis-py 8 ends an idle socket after five seconds.
            "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
            "prefix": "vms.push",
            "capacity": 1000,
            "expiry": 60,
        },
    }
}
CELERY_BROKER_URL = VMS["VMS_BROKER_URL"] or REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
# Three kinds of work that must not wait for one another. Exports are sent to `exports` or
# `exports.<node>` by who sends them: `exports.wakeups`.
CELERY_TASK_DEFAULT_QUEUE = "upkeep"
CELERY_TASK_ROUTES = {"previews.tasks.*": {"queue": "previews"}}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = VMS["VMS_TIME_ZONE"]
CELERY_BEAT_SCHEDULER = "vms.ops.schedule:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "clean up": {
        "task": "downloads.tasks.clean_up",
        "schedule": timedelta(seconds=VMS["VMS_CLEANUP_INTERVAL_SECONDS"]),
        "options": {"expires": VMS["VMS_CLEANUP_INTERVAL_SECONDS"]},
    },
    "reconcile": {
        "task": "downloads.tasks.reconcile",
        "schedule": timedelta(seconds=VMS["VMS_RECONCILE_INTERVAL_SECONDS"]),
        "options": {"expires": VMS["VMS_RECONCILE_INTERVAL_SECONDS"]},
    },
    "scan watched folders": {
        "task": "cameras.tasks.scan_watched",
        "schedule": timedelta(seconds=VMS["VMS_SCAN_INTERVAL_SECONDS"]),
        "options": {"expires": VMS["VMS_SCAN_INTERVAL_SECONDS"]},
    },
    "send webhooks": {
        "task": "vms.webhooks.tasks.send_due",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "forget webhook deliveries": {
        "task": "vms.webhooks.tasks.forget_deliveries",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "forget deleted PSIM tasks": {
        "task": "exports.psim.tasks.forget_deleted",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "release links": {
        "task": "previews.tasks.release_links",
        "schedule": timedelta(seconds=60),
        "options": {"expires": 60},
    },
    "apply retention": {
        "task": "cameras.tasks.apply_retention",
        "schedule": timedelta(seconds=600),
        "options": {"expires": 600},
    },
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Longer than the longest export: the lease in the database, not redelivery, recovers lost jobs.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}
if VMS["VMS_BROKER_URL"] is not None:
    # RabbitMQ: queues that lie on several machines, and a message counts as sent when they have it.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}
    CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"
    CELERY_TASK_CREATE_MISSING_QUEUE_TYPE = "quorum"
# A request that cannot reach the broker must not hang: the row is queued, reconcile delivers it.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1, "interval_max": 0.2}
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# What our own middleware before it has checked or made, not what a client sent.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True

# --- exports ------------------------------------------------------------------------------------
EXPORT_TTL = timedelta(seconds=VMS["VMS_EXPORT_TTL_SECONDS"])
EXPORT_LEASE = timedelta(seconds=VMS["VMS_EXPORT_LEASE_SECONDS"])

# --- words, times, logs ---------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = VMS["VMS_TIME_ZONE"]
USE_I18N = False
USE_TZ = True
LOGGING = logs.logging_config(VMS["VMS_LOG_FORMAT"], VMS["VMS_LOG_LEVEL"])
