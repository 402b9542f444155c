# Recipes for users and developers; `just --list` shows them. They run what `scripts/setup` put into .venv.

run := "scripts/run"

# Everything that has to hold before a commit
default: lint types arch test

# -- the team ---------------------------------------------------------------------------------------

# Start a session: just orchestrator-launch reviewer "Audit the auth flow"
[no-exit-message]
[positional-arguments]
orchestrator-launch *args:
    @{{ run }} orchestrator launch "$@"

# Send a message: just orchestrator-send reviewer "Focus on token refresh"
[no-exit-message]
[positional-arguments]
orchestrator-send *args:
    @{{ run }} orchestrator send "$@"

# Show a session's screen and its last events
[no-exit-message]
[positional-arguments]
orchestrator-snapshot *args:
    @{{ run }} orchestrator snapshot "$@"

# Print what a session said and did; -f goes on
[no-exit-message]
[positional-arguments]
orchestrator-stream *args:
    @{{ run }} orchestrator stream "$@"

# List the sessions
[no-exit-message]
[positional-arguments]
orchestrator-ps *args:
    @{{ run }} orchestrator ps "$@"

# Reattach to every session after a restart
[no-exit-message]
[positional-arguments]
orchestrator-resume-all *args:
    @{{ run }} orchestrator resume-all "$@"

# What works here, and how to mend what does not
[no-exit-message]
doctor:
    @{{ run }} orchestrator doctor

# Two roles with a scripted model, from nothing to the end; --live uses the real one
[positional-arguments]
demo *args:
    @scripts/demo "$@"

# -- development ------------------------------------------------------------------------------------

# Bring the environment up to date
init:
    #!/usr/bin/env bash
    source scripts/environment
    exec uv sync --locked

# Tests that need no container engine: just test tests/unit -k send
[positional-arguments]
test *args:
    {{ run }} pytest -m "not docker and not agent" "$@"

# Tests on the real engine with the real codex
[positional-arguments]
test-docker *args:
    {{ run }} pytest -m "docker or agent" "$@"

# Everything, as CI runs it
[positional-arguments]
test-all *args:
    @scripts/test "$@"

# Style and spelling
lint:
    {{ run }} ruff check .
    {{ run }} ruff format --check .
    {{ run }} codespell

# Mend what can be mended by itself
fix:
    {{ run }} ruff check --fix .
    {{ run }} ruff format .

# Types
types:
    {{ run }} mypy

# The arrows between the rooms
arch:
    {{ run }} lint-imports

# Write the JSON Schemas of every --json answer anew
schemas:
    {{ run }} python -m orchestrator.cli.schemas docs/reference/schemas

# Write the reference pages of the commands and settings anew
reference:
    {{ run }} python -m orchestrator.cli.reference docs/reference

# Build the documentation's site into site/
docs:
    {{ run }} zensical build --strict

# Record the README's picture anew, on the real engine, into docs/pictures
picture:
    #!/usr/bin/env bash
    set -euo pipefail
    recording=$(mktemp)
    trap 'rm -f "$recording"' EXIT
    source scripts/environment
    scripts/demo --record "$recording"
    uv run --locked --group picture python -m pictures "$recording" docs/pictures

# Measure what things cost, and write the page; quick looks: just bench --few --only send
bench *args="--write docs/benchmarks.md":
    {{ run }} python -m benchmarks {{ args }}
