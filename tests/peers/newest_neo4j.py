"""The newest Neo4j there is, run by the newest Java of this machine: what it will be like to leave 5.26."""

import os
import shutil
from pathlib import Path
from typing import Final

from tests.support.java import NoNeo4jError, fetch_jars, version_of_java
from tests.support.neo4j_java import JavaNeo4j

VERSION: Final = "2026.08.1"
NEEDED: Final = 21
PLACES: Final = ("/usr/lib/jvm", "/opt")
"""Where systems keep one Java beside another; the one that `java` starts is often older than this Neo4j wants."""


def prepare() -> JavaNeo4j:
    """Have its jars here and a Java for it. Raises NoNeo4jError without either."""
    return JavaNeo4j.run_by(newest_java(), fetch_jars(VERSION))


def newest_java() -> str:
    """The newest JDK that is found. Raises NoNeo4jError where none is new enough."""
    found = [Path(home, "bin", "java") for home in [os.environ.get("JAVA_HOME")] if home]
    found += [Path(java) for java in [shutil.which("java")] if java]
    found += [java for place in PLACES for java in sorted(Path(place).glob("*/bin/java"))]
    by_version = {version_of_java(str(java)): str(java) for java in reversed(found) if java.is_file()}
    newest = max(by_version, default=0)
    if newest < NEEDED:
        raise NoNeo4jError(f"Neo4j {VERSION} needs a JDK of version {NEEDED} or later, and there is none")
    return by_version[newest]
