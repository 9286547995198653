"""Settings that both services share; docs/reference/settings.md explains the variables."""

from device_endpoint import logging_config, nginx_upstreams
from device_endpoint.env import (
    PROJECT_DIR,
    parse_database_url,
    read_bool,
    read_choice,
    read_choices,
    read_database_url,
    read_day,
    read_int,
    read_list,
    read_secret,
    read_text,
    run_folder,
    var_dir,
)

# --- Where this installation lives ---------------------------------------------------------
BASE_DIR = PROJECT_DIR
VAR_DIR = var_dir()
DEVICE_PORT = read_int("DEVICE_PORT", 8443, 1, 65535)
STAFF_PORT = read_int("STAFF_PORT", 8444, 1, 65535)
LISTEN = read_list("LISTEN", ["127.0.0.1", "[::1]"])
PUBLIC_HOST = read_text("PUBLIC_HOST", "localhost")
DEBUG = False
# App hosts that nginx forwards requests to: docs/explanation/scaling.md. Empty: this host.
DEVICE_UPSTREAMS = nginx_upstreams.check("DEVICE_UPSTREAMS", read_list("DEVICE_UPSTREAMS", []))
STAFF_UPSTREAMS = nginx_upstreams.check("STAFF_UPSTREAMS", read_list("STAFF_UPSTREAMS", []))

# --- Trust ---------------------------------------------------------------------------------
SECRET_KEY = read_secret("SECRET_KEY")
PROXY_SECRET = read_secret("PROXY_SECRET")
ALLOWED_HOSTS = [PUBLIC_HOST, "localhost", "127.0.0.1", "[::1]", *read_list("ALLOWED_HOSTS", [])]
# Short on localhost: a browser applies HSTS to all programs under that name.
HSTS_SECONDS = read_int("HSTS_SECONDS", 300 if PUBLIC_HOST == "localhost" else 31_536_000)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DEVICE_CA = read_text("DEVICE_CA")  # only certificates of this CA; "": self-signed
# CBC and static RSA, for old modems: the device API only, beside nginx_config.TLS_CIPHERS.
EXTRA_TLS_CIPHER_CHOICES = (
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
)
EXTRA_TLS_CIPHERS = read_choices("EXTRA_TLS_CIPHERS", EXTRA_TLS_CIPHER_CHOICES)
CLOCK_GRACE_SECONDS = read_int("CLOCK_GRACE_SECONDS", 300, 0, 86_400)  # before not_before
CERTIFICATE_OVERLAP_DAYS = read_int("CERTIFICATE_OVERLAP_DAYS", 7)  # both are valid after a renewal
MAX_TOKEN_DAYS = read_int("MAX_TOKEN_DAYS", 365, 1, 3650)  # longest life of an access token
ACCEPT_EXPIRED_CERTIFICATES = read_bool("ACCEPT_EXPIRED_CERTIFICATES", False)

# --- Database ------------------------------------------------------------------------------
DATABASES = {"default": parse_database_url(read_database_url())}
_TIMEOUTS = {
    "statement_timeout": read_int("STATEMENT_TIMEOUT_MS", 20_000),
    "lock_timeout": read_int("LOCK_TIMEOUT_MS", 5_000),
    "idle_in_transaction_session_timeout": read_int("IDLE_IN_TRANSACTION_TIMEOUT_MS", 30_000),
}
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["OPTIONS"] = {
    **dict(DATABASES["default"].get("OPTIONS") or {}),  # type: ignore[call-overload]
    "connect_timeout": read_int("CONNECT_TIMEOUT_SECONDS", 3, 1),
    # A connection prepares a statement after it has run this often.
    "prepare_threshold": read_int("PREPARE_THRESHOLD", 3) or None,
    # An upload must see what the previous holder of its lock committed, whatever the server's
    # default: with a snapshot taken before the lock, samples could be stored twice.
    "options": " ".join(
        ["-c default_transaction_isolation=read\\ committed"]
        + [f"-c {name}={value}" for name, value in _TIMEOUTS.items()]
    ),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Uploads queue behind a migration that waits for a lock: it must give up before they do.
MIGRATION_LOCK_TIMEOUT_MS = read_int("MIGRATION_LOCK_TIMEOUT_MS", 1_000, 1)
DURABILITY_CHECK = read_choice("DURABILITY_CHECK", "refuse", ("refuse", "warn"))

# --- Disk space: uploads are paused while less than the minimum is free ---------------------
DISK_SPACE_PATHS = read_list("DISK_SPACE_PATHS", [str(VAR_DIR)])
MIN_FREE_DISK_BYTES = read_int("MIN_FREE_DISK_BYTES", 256 * 1024 * 1024, 0, 2**60)

COMPACTION_INTERVAL_SECONDS = read_int("COMPACTION_INTERVAL_SECONDS", 300, 1)
RECOMPRESSION_SECONDS = read_int("RECOMPRESSION_SECONDS", 30, 0, 3600)

# --- Limits of the device API (published by GET /device_endpoint) ---------------------------
MAX_REQUEST_BYTES = read_int("MAX_REQUEST_BYTES", 64 * 1024 * 1024, 1024)
MAX_FILES_PER_REQUEST = read_int("MAX_FILES_PER_REQUEST", 100, 1)
MAX_LINES_PER_FILE = read_int("MAX_LINES_PER_FILE", 4_000_000, 1)
MAX_VALUES_PER_FILE = read_int("MAX_VALUES_PER_FILE", MAX_LINES_PER_FILE, 1)
MAX_HOURS_PER_REQUEST = read_int("MAX_HOURS_PER_REQUEST", 30_000, 1)
MAX_JSON_BYTES = 4096
MAX_SMALL_BODY_BYTES = 64 * 1024  # nginx reads a longer body only after the body check
MAX_REJECTED_FILES_PER_IDENTITY = read_int("MAX_REJECTED_FILES_PER_IDENTITY", 1000, 1)
MAX_REJECTED_BYTES_PER_IDENTITY = read_int("MAX_REJECTED_BYTES_PER_IDENTITY", 256 * 1024 * 1024)
MIN_SAMPLE_DATE = read_day("MIN_SAMPLE_DATE", "2000-01-01")
MAX_CLOCK_SKEW_SECONDS = read_int("MAX_CLOCK_SKEW_SECONDS", 86_400)
LENIENT_BOUNDARY = read_bool("LENIENT_BOUNDARY", True)
REQUESTS_PER_SECOND = read_int("REQUESTS_PER_SECOND", 2000, 1)
MAX_CONNECTIONS_PER_IP = read_int("MAX_CONNECTIONS_PER_IP", 256, 1)
# Bodies over 64 KiB that nginx holds on disk at once, each of at most MAX_REQUEST_BYTES.
MAX_LARGE_BODIES = read_int("MAX_LARGE_BODIES", 64, 1, 4096)
MAX_LARGE_BODIES_PER_CERTIFICATE = read_int("MAX_LARGE_BODIES_PER_CERTIFICATE", 8, 1, 4096)
REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE = read_int(
    "REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE", 60, 1
)
REGISTRATION_FAILURES_PER_MINUTE_PER_IP = read_int(
    "REGISTRATION_FAILURES_PER_MINUTE_PER_IP", 600, 1
)
# Marks of large uploads that a worker is reading: ingest/interrupted_uploads.py.
UPLOAD_MARKS_DIR = (run_folder() or VAR_DIR) / "uploads"
# Quotas; 0 for none.
MAX_CERTIFICATES_PER_IDENTITY = read_int("MAX_CERTIFICATES_PER_IDENTITY", 0)
IDENTITY_DAILY_QUOTA_BYTES = read_int("IDENTITY_DAILY_QUOTA_BYTES", 0, maximum=2**53)

# --- Time and language: stored and shown in UTC ---------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = ["device_endpoint.formats"]

# --- Logs: to standard error, which the supervisor or systemd stores ------------------------
LOGGING = logging_config.configuration(
    read_choice("LOG_FORMAT", "text", logging_config.FORMATS),
    read_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
)
