# The image of both services and of every command. nginx and PostgreSQL have their own images;
# compose.yaml combines the three. docs/how-to/containers.md.
FROM python:3.11-slim-bookworm AS build
COPY requirements/core.txt requirements/oidc.txt /tmp/
# --build-arg REQUIREMENTS=oidc for the sign-in through an identity provider.
ARG REQUIREMENTS=core
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /tmp/$REQUIREMENTS.txt \
    && /opt/venv/bin/pip uninstall --yes pip setuptools \
    # What nothing here uses: 90 MB with the Flight server, headers and tests of pyarrow and numpy.
    && cd /opt/venv/lib/python3.11/site-packages \
    && rm -rf pyarrow/*flight* pyarrow/include pyarrow/src pyarrow/tests \
        pyarrow/*.pyx pyarrow/*.pxi numpy/*/tests numpy/tests numpy/*/include

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/device-endpoint --create-home device-endpoint \
    && install -d -m 0750 -o device-endpoint /run/device-endpoint /var/lib/device-endpoint-nginx
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/device-endpoint
COPY manage.py LICENSE README.md ./
COPY alerts alerts
COPY analysis analysis
COPY client client
COPY device_endpoint device_endpoint
COPY docs docs
COPY identities identities
COPY ingest ingest
COPY nginx nginx
COPY templates templates
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/var/lib/device-endpoint \
    RUN_DIR=/run/device-endpoint \
    NGINX_DIR=/var/lib/device-endpoint-nginx \
    LOG_FORMAT=json
# By number, so that a container engine can verify that it is not root.
USER 10001
# SERVICE selects the service.
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["python", "-m", "device_endpoint.local_probe"]
CMD ["python", "-m", "gunicorn", "--config", "device_endpoint/gunicorn_conf.py"]
