# The server, with its demo; the client and the tests are not in it.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements-server.txt ./
RUN python -m venv /opt/descent && \
    /opt/descent/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
        --require-hashes --requirement requirements-server.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY queries queries
COPY graph graph
RUN /opt/descent/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/descent descent
COPY --from=build /opt/descent /opt/descent
ENV PATH=/opt/descent/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/descent
VOLUME /var/lib/descent
# A registry without tokens is served on loopback only: run it with the host's network, as docker-compose.yml does.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8600/readyz', timeout=4)"]
ENTRYPOINT ["descentd"]
CMD ["serve"]
