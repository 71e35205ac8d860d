# syntax=docker/dockerfile:1

# ---------------------------------------------------------------------------------------------------- build
FROM rust:1-slim-bookworm AS build
# Only builds run in this stage, and Debian keeps one version of each.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# One abi3 wheel serves every Python from 3.11 on, so the version that builds need not be the one that runs.
RUN make build && rm -f dist/*.tar.gz

# -------------------------------------------------------------------------------------------------- runtime
FROM python:3.13-slim-bookworm
COPY constraints.txt /tmp/
COPY --from=build /src/dist/*.whl /tmp/
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt "$(echo /tmp/*.whl)[shared]" \
    && rm /tmp/*.whl /tmp/constraints.txt
# The data directory of 0.7.0 is root's, and that is what existing set-ups mount. The gateway runs as an
# ordinary user whose home it is; the entry point takes over files that root left there.
RUN useradd --uid 1000 --user-group --no-create-home --home-dir /root --shell /usr/sbin/nologin copilot \
    && install --directory --owner copilot --group copilot --mode 0700 /root/.local/share/copilot-api \
    && chmod 0711 /root /root/.local /root/.local/share
COPY --chmod=0755 docker/entrypoint.sh /usr/local/bin/entrypoint.sh
COPY docker/healthcheck.py /usr/local/share/copilot-api/healthcheck.py

ENV HOME=/root \
    HOST=0.0.0.0 \
    COPILOT_API_PROXY_ENV=true \
    PYTHONUNBUFFERED=1
EXPOSE 4141
VOLUME ["/root/.local/share/copilot-api"]
# The long start period leaves time for the sign-in, whose code is good for fifteen minutes.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15m --retries=3 \
    CMD ["python", "/usr/local/share/copilot-api/healthcheck.py"]
ENTRYPOINT ["entrypoint.sh"]
