"""Settings of the staff site, of every ``manage.py`` command and of the tests."""

from datetime import timedelta

from device_endpoint.env import (
    parse_database_url,
    read_choice,
    read_int,
    read_text,
    run_folder,
)
from device_endpoint.settings.alerts import *  # noqa: F403
from device_endpoint.settings.base import *  # noqa: F403 - a settings module is its names
from device_endpoint.settings.base import (
    BASE_DIR,
    DATABASES,
    HSTS_SECONDS,
    LOGGING,
    PUBLIC_HOST,
    STAFF_PORT,
    VAR_DIR,
)
from device_endpoint.settings.oidc import *  # noqa: F403

ROOT_URLCONF = "device_endpoint.staff_urls"
WSGI_APPLICATION = "device_endpoint.staff_wsgi.application"
INSTALLED_APPS = [
    "device_endpoint.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "identities",
    "ingest",
    "alerts",
    "analysis",
    "device_endpoint",
]
MIDDLEWARE = [
    "device_endpoint.middleware.RequestIds",
    "django.middleware.security.SecurityMiddleware",
    "device_endpoint.middleware.BrowserHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "device_endpoint.middleware.RejectInvalidQueries",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "identities.audit.recorder.AuditMiddleware",
    "device_endpoint.stream_places.LimitStreams",
    "device_endpoint.replica.ChooseDatabase",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "identities.mfa.middleware.MfaMiddleware",
    "axes.middleware.AxesMiddleware",
]
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
                "device_endpoint.replica.lag_context",
            ],
        },
    },
]
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ENGINE"] = "device_endpoint.watched_postgresql"

# --- Exports and other large responses: device_endpoint/stream_places.py ---------------------
STAFF_THREADS = read_int("STAFF_THREADS", 8, 1, 1024)  # of each process
MAX_STREAMS = read_int("MAX_STREAMS", 4, 1, 1024)
MAX_STREAMS_PER_USER = read_int("MAX_STREAMS_PER_USER", 2, 1, 1024)
STREAM_PLACES_DIR = (run_folder() or VAR_DIR) / "streams"

# A replica for analysts: docs/explanation/scaling.md.
if _analytics := read_text("ANALYTICS_DATABASE_URL"):
    _options = DATABASES["default"]["OPTIONS"]
    DATABASES["analytics"] = {
        **DATABASES["default"],
        **parse_database_url(_analytics, "ANALYTICS_DATABASE_URL"),
        "ENGINE": DATABASES["default"]["ENGINE"],
        "OPTIONS": {
            **_options,  # type: ignore[dict-item]
            "options": f"{_options['options']} -c default_transaction_read_only=on",  # type: ignore[index]
        },
    }
DATABASE_ROUTERS = ["device_endpoint.replica.AnalystRouter"]

# --- Logging in: docs/explanation/threat-model.md -------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "identities.visibility.StudyRoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Failed logins are counted in the database, by user and address together: all processes share
# the count, and an attacker at another address cannot lock out a user.
AXES_FAILURE_LIMIT = read_int("LOGIN_FAILURE_LIMIT", 5, 1)
AXES_COOLOFF_TIME = timedelta(seconds=read_int("LOGIN_LOCKOUT_SECONDS", 900, 1))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# With a reset, an attacker behind the same address could prolong a lockout for ever.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "identities.login_lockout.digest_username"
AXES_CLIENT_IP_CALLABLE = "identities.login_lockout.resolve_address"
AXES_LOCKOUT_CALLABLE = "identities.login_lockout.answer_locked_out"
AXES_DISABLE_ACCESS_LOG = True  # identities.audit.recorder keeps who logged in
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
LOGGING["loggers"] = {
    "axes": {"level": "WARNING"},  # INFO has four lines for each successful login
    "authlib": {"level": "WARNING"},  # DEBUG has the verifier of PKCE
}
STAFF_MFA = read_choice("STAFF_MFA", "off", ("off", "offered", "required"))
OTP_TOTP_ISSUER = f"Device endpoint {PUBLIC_HOST}"
# A session ends with the browser, or after this long without a request.
SESSION_COOKIE_AGE = read_int("SESSION_IDLE_SECONDS", 1800, 60)
SESSION_SAVE_EVERY_REQUEST = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# --- Static files: collected into VAR_DIR by `up`, served by whitenoise ----------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Browsers: cookie names contain the port, since browsers share cookies between ports ------
SESSION_COOKIE_NAME = f"__Host-session-{STAFF_PORT}"
CSRF_COOKIE_NAME = f"__Host-csrf-{STAFF_PORT}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = HSTS_SECONDS
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # other programs under this host name may not support HTTPS
    "security.W008",  # nginx's ports speak TLS only and answer plain HTTP themselves
    "security.W021",  # nor may their domain be preloaded
]
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"  # without a usable `next`

# --- Analysis API --------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "URL_FORMAT_OVERRIDE": None,  # `format` is a parameter of the API
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Device endpoint: analysis API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
}
