"""The command line of the client, called in this process."""

from pathlib import Path

from typer.testing import CliRunner, Result

from descent.cli import app
from tests.client.registry import Registry


def run(*args: str, registry: Registry | None = None, stdin: str | bytes = "", **env: str) -> Result:
    at = {"DESCENT_URL": registry.url} if registry else {}
    return CliRunner().invoke(app, list(args), input=stdin, env={**at, **env})


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)
