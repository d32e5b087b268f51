"""ariadne-codegen: makes a typed client of the schema and some operations, and asks a real server by it.

`python ariadne_client.py URL SCHEMA FOLDER`; the package is made in the folder.
"""

import json
import subprocess
import sys
from pathlib import Path

DIGEST = "sha256:" + "1" * 64


def make(schema: str, folder: Path) -> None:
    """Make the package `descent_client` in a folder."""
    settings = {
        "schema_path": schema,
        "queries_path": str(Path(__file__).with_name("ariadne_queries.graphql")),
        "target_package_path": str(folder),
        "target_package_name": "descent_client",
        "client_name": "Descent",
    }
    lines = ["[tool.ariadne-codegen]", *(f"{name} = {json.dumps(value)}" for name, value in settings.items())]
    lines.append("async_client = false")
    for scalar, kind in {"Ref": "str", "Digest": "str", "DateTime": "str", "Count": "int"}.items():
        lines += [f"[tool.ariadne-codegen.scalars.{scalar}]", f'type = "{kind}"']
    config = folder / "pyproject.toml"
    config.write_text("\n".join(lines) + "\n", "utf-8")
    command = Path(sys.executable).with_name("ariadne-codegen")
    subprocess.run([command, "--config", config], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def main(url: str, schema: str, folder: Path) -> None:
    make(schema, folder)
    sys.path.insert(0, str(folder))
    from descent_client import Descent, ManifestInput, ModelVersionFilter
    from descent_client.exceptions import GraphQLClientError

    client = Descent(url)
    models = [{"name": "m", "version": "1", "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]}]
    for number in (2, 3, 4):
        parents = [{"ref": f"model:m@{number - 1}", "relation": "FINE_TUNE"}]
        models.append({"name": "m", "version": str(number), "parents": parents})
    data = {"name": "d", "version": "1", "partitions": [{"name": "p", "digest": DIGEST}]}
    registered = client.register(ManifestInput.model_validate({"datasets": [data], "models": models})).register
    ids = {record.ref: record.id for record in registered.records}
    lineage = client.lineage("model:m@4").lineage
    assert lineage is not None
    edges = {(edge.source, edge.target): edge.relation for edge in lineage.edges}
    assert edges[ids["model:m@2"], ids["model:m@1"]].value == "FINE_TUNE"
    assert edges[ids["model:m@1"], ids["dataset:d@1#p"]] is None
    found = client.entities(["model:m@3", "model:m@9", "dataset:d@1"]).entities
    assert [one and one.typename__ for one in found] == ["ModelVersion", None, "Dataset"]
    assert found[0].parents[0].node.ref == "model:m@2"
    listed, after, more = [], None, True
    while more:
        affected = client.impact(
            ["dataset:d@1"], filter_=ModelVersionFilter(namePrefix="m"), after=after
        ).impact.affected
        listed += [edge.node.ref for edge in affected.edges]
        more, after = affected.page_info.has_next_page, affected.page_info.end_cursor
    assert client.fetched(ids["model:m@1"]).node.id == ids["model:m@1"]
    try:
        client.impact(["model:m@9"])
        refused = None
    except GraphQLClientError as error:
        refused = str(error)
    done = {"registered": registered.created, "nodes": len(lineage.nodes), "listed": listed, "refused": refused}
    sys.stdout.write(json.dumps(done) + "\n")


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
