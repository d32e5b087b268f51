"""`--help` answers at once: what only commands need is not imported for it, however large a library has become."""

import json
import subprocess
import sys

import pytest

from tests.support.server_process import SECONDS

NOT_FOR_HELP = {
    "cryptography",
    "graphql",
    "httpx2",
    "jinja2",
    "joserfc",
    "jsonschema",
    "neo4j",
    "networkx",
    "numpy",
    "prometheus_client",
    "pydantic",
    "pydantic_settings",
    "rich",
    "starlette",
    "strawberry",
    "structlog",
    "uvicorn",
    "xml",
    "yaml",
}

ASK = """
import json, sys
from {module} import main
sys.argv = [{program!r}, *{words!r}, "--help"]
try:
    main()
except SystemExit as ended:
    assert ended.code == 0, ended.code
print()
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


@pytest.mark.parametrize(
    ("program", "module", "words", "said"),
    [
        ("descent", "descent.cli", [], "Usage: descent "),
        ("descent", "descent.cli", ["register"], "Usage: descent register "),
        ("descent", "descent.cli", ["import"], "Usage: descent import "),
        ("descent", "descent.cli", ["export", "dossier"], "Usage: descent export dossier "),
        ("descentd", "descentd.app.server.cli", [], "Usage: descentd "),
        ("descentd", "descentd.app.server.cli", ["serve"], "Usage: descentd serve "),
        ("descentd", "descentd.app.server.cli", ["token", "create"], "Usage: descentd token create "),
    ],
)
def test_help_imports_only_what_it_needs(program: str, module: str, words: list[str], said: str) -> None:
    script = ASK.format(program=program, module=module, words=words)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=SECONDS)
    assert ran.returncode == 0, ran.stderr
    shown, _, imported = ran.stdout.rstrip().rpartition("\n")
    assert shown.startswith(said)
    of_typer = {"pydantic"} if words else set()  # by which it describes the options of a command
    assert NOT_FOR_HELP & set(json.loads(imported)) <= of_typer
