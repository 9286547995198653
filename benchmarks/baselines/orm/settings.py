"""Django settings of the ORM baseline."""

from device_endpoint.env import parse_database_url, read_database_url

SECRET_KEY = "unused"  # noqa: S105
ALLOWED_HOSTS = ["*"]
USE_TZ = True
INSTALLED_APPS = ["benchmarks.baselines.orm"]
ROOT_URLCONF = "benchmarks.baselines.orm.views"
DATABASES = {"default": {**parse_database_url(read_database_url()), "CONN_MAX_AGE": None}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
