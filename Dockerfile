# One image for the four services of compose.yaml: code server (the default command), migration, webserver, daemon.
# BASE is any Debian-like image with python3 (3.11 to 3.13) and its venv module.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
RUN python3 -m venv /opt/vbn
COPY requirements-runtime.lock ./
RUN /opt/vbn/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY vbn_assets vbn_assets
RUN /opt/vbn/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/vbn/bin/python -m compileall -q /opt/vbn/lib

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vbn_assets" \
      org.opencontainers.image.description="The Allen Institute's Visual Behavior releases as a DuckDB warehouse that keeps itself up to date" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A fixed id, so that a bind-mounted data folder can be given to it. Volumes take /data's owner when they are made.
RUN groupadd --gid 10001 vbn \
 && useradd --uid 10001 --gid vbn --create-home --shell /usr/sbin/nologin vbn \
 && install --directory --owner vbn --group vbn /data
COPY --from=build /opt/vbn /opt/vbn
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/

ENV PATH=/opt/vbn/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VBN_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
EXPOSE 4000

HEALTHCHECK --interval=30s --timeout=30s --start-period=60s --retries=3 \
  CMD ["dagster", "api", "grpc-health-check", "--port", "4000"]
CMD ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", "4000", "--module-name", "vbn_assets.definitions"]
