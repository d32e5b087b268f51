"""What is invented, so that there is something to ask about production: two deployments, which say that they are none.

They are claimed and in an environment of their own, so that nothing here asks a gate or looks like somebody's service.
"""

from typing import Final

from descentd.graph.inputs.acts import DeploymentInput
from descentd.queries.production.record_deployment import deploy
from descentd.queries.registry import Registry

ENVIRONMENT: Final = "demo"
SINCE: Final = "2023-06-01T00:00:00Z"
BY: Final = "the demo"
SOURCE: Final = "an example, invented for the demo: nobody serves this version"
DEPLOYED: Final = {
    "example-writing-aid": "model:EleutherAI/pythia-6.9b@step143000",
    "example-search": "model:EleutherAI/pythia-1.4b-deduped@step143000",
}
"""By the endpoint, the version that serves there."""


async def deploy_examples(registry: Registry, person: str) -> None:
    """Record the deployments of the example, where they are not there already."""
    for endpoint, version in DEPLOYED.items():
        given = {
            "subject": version,
            "environment": ENVIRONMENT,
            "endpoint": endpoint,
            "since": SINCE,
            "claimed": {"by": BY, "source": SOURCE},
        }
        await deploy(registry, DeploymentInput.read(given), person)
