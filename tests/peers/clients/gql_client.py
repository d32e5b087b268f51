"""gql: fetches the schema, validates against it, registers by a mutation with variables, and pages."""

import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.httpx import HTTPXAsyncTransport
from graphql import GraphQLError

REGISTER = "mutation ($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"
MANIFEST = {
    "models": [
        {"name": "m", "version": "1", "config": {"a": 1}},
        {"name": "m", "version": "2", "config": {"a": 2}, "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]},
    ]
}
PAGE = """query ($after: String) {
  modelVersions(first: 1, after: $after) { pageInfo { hasNextPage endCursor } edges { node { ref } } }
}"""


async def main(url: str) -> None:
    client = Client(transport=HTTPXAsyncTransport(url=url), fetch_schema_from_transport=True)
    async with client as session:
        await session.execute(gql(REGISTER), variable_values={"manifest": MANIFEST})
        listed, page = [], {"hasNextPage": True, "endCursor": None}
        while page["hasNextPage"]:
            found = await session.execute(gql(PAGE), variable_values={"after": page["endCursor"]})
            listed += [edge["node"]["ref"] for edge in found["modelVersions"]["edges"]]
            page = found["modelVersions"]["pageInfo"]
        try:
            await session.execute(gql("{ nothing }"))
            refused = None
        except GraphQLError as error:
            refused = error.message
    sys.stdout.write(json.dumps({"listed": sorted(listed), "refused": refused}) + "\n")


asyncio.run(main(sys.argv[1]))
