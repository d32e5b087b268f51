"""Tokens as whoever runs a registry makes them: by `descentd token`."""

import subprocess

from typer.testing import CliRunner

from descentd.app.server.cli import app
from tests.support import preloaded


def descentd(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run(preloaded.SERVER, *command, environment=environment)


def new_token(store: str, person: str, *roles: str, **options: str) -> str:
    """The secret of a new token; options are `expires`."""
    given = [part for role in roles for part in ("--role", role)]
    given += [part for name, value in options.items() for part in (f"--{name}", value)]
    # In this process: there are many, and to start one of its own takes far longer than making a token.
    done = CliRunner().invoke(app, ["token", "create", "--store", store, "--person", person, *given])
    assert done.exit_code == 0, done.stderr
    return done.stdout.splitlines()[-1]
