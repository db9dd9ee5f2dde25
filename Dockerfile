# The server in one image; `manage.py up --only ...` chooses what a container runs.
FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VMS_DATA_DIR=/data \
    VMS_ARCHIVE_DIR=/archive \
    VMS_STORAGE_DIR=/storage \
    VMS_HOST=0.0.0.0 \
    VMS_PORT=8000 \
    VMS_LOG_FORMAT=json
# The group has a number of its own too: nginx reads finished files as a member of it.
RUN groupadd --gid 10001 vms \
    && useradd --uid 10001 --gid vms --no-create-home --shell /usr/sbin/nologin vms \
    && install -d -m 700 -o vms -g vms /data /archive \
    && install -d -m 750 -o vms -g vms /storage
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
USER vms
EXPOSE 8000
VOLUME ["/data", "/archive", "/storage"]
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "up"]
