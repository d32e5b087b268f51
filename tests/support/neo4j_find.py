"""Which Neo4j tests and development get.

`find()` takes the first of

1. `DESCENT_TEST_NEO4J_URI` (`bolt://user:password@host:7687`): a database that is there already. **It is wiped.**
2. Docker, by testcontainers.
3. Java 17 or later with Maven: the jars of Neo4j are fetched once into `.cache/neo4j/`, and `neo4j/Neo4jServer.java`
   runs the real kernel from them, with Cypher and Bolt, on the loopback.

`python -m tests.support.neo4j_find` runs the third in the foreground, with data that stays.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.java import CACHE, NoNeo4jError
from tests.support.neo4j_java import JavaNeo4j
from tests.support.neo4j_server import IMAGE, URI_VARIABLE, DockerNeo4j, GivenNeo4j, Neo4jServer


def find(environ: Mapping[str, str] = os.environ) -> Neo4jServer:
    """The first Neo4j that is to be had, not started yet. Raises NoNeo4jError, saying why each way is closed."""
    if url := environ.get(URI_VARIABLE):
        return GivenNeo4j(url)
    closed = [f"{URI_VARIABLE} is not set"]
    for kind in (DockerNeo4j, JavaNeo4j):
        try:
            return kind.prepare()
        except NoNeo4jError as problem:
            closed.append(str(problem))
    raise NoNeo4jError("; ".join(closed))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.neo4j_find", description="Run a Neo4j for development."
    )
    parser.add_argument("--port", type=int, default=7687, help="of Bolt, on 127.0.0.1 (default: %(default)s; 0: any)")
    parser.add_argument("--data", type=Path, default=CACHE / "data", help="folder of the data, which stay")
    parser.add_argument("--heap", default="1g", help="largest heap of the JVM (default: %(default)s)")
    options = parser.parse_args()
    data = options.data.absolute()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server = JavaNeo4j.prepare(data, options.port, [f"-Xmx{options.heap}"])
        server.start()
    except (NoNeo4jError, RuntimeError) as problem:
        sys.exit(
            f"{problem}\nWith Docker, this runs one too:\n"
            f"  docker run --rm -p 127.0.0.1:7687:7687 -e NEO4J_AUTH=none {IMAGE}"
        )
    sys.stdout.write(
        f"{server.describe()}; data and logs in {data}\n"
        f"  .venv/bin/descentd serve --store {server.uri}\n"
        "Ctrl-C stops it.\n"
    )
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        assert server.process
        sys.exit(f"Neo4j ended by itself ({server.process.wait()}); see {data / 'console.log'}.")
    server.stop()


if __name__ == "__main__":
    main()
