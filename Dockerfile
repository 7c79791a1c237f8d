# Image of Winnow itself (the command line), not of what it repairs.
#   docker build -t winnow .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/repo:ro" \
#       -v /var/run/docker.sock:/var/run/docker.sock --group-add "$(stat -c %g /var/run/docker.sock)" \
#       winnow fix --failing-test tests/test_x.py::test_y --json
# git reads a repository only for its owner: hence --user. Where packages come from a mirror, add
# --build-arg PIP_INDEX_URL=…; its certificate belongs into the base image.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY winnow winnow
COPY selection selection
COPY agent agent
COPY envs envs
COPY sandbox sandbox
RUN python3 -m venv /opt/winnow && /opt/winnow/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt .

FROM ${PYTHON_IMAGE}
# git reads the repository, bubblewrap is the sandbox where no Docker socket is given.
RUN if ! command -v git >/dev/null || ! command -v bwrap >/dev/null; then \
        apt-get update && apt-get install -y --no-install-recommends git bubblewrap && rm -rf /var/lib/apt/lists/*; fi
COPY --from=build /opt/winnow /opt/winnow
# Any --user may run it, with this home.
RUN useradd --create-home --uid 10001 winnow && chmod 0777 /home/winnow
USER winnow
ENV PATH=/opt/winnow/bin:$PATH HOME=/home/winnow PYTHONDONTWRITEBYTECODE=1
WORKDIR /repo
ENTRYPOINT ["winnow"]
CMD ["--help"]
