"""What Java needs to run a Neo4j here: a JDK, the jars of Neo4j, and `neo4j/Neo4jServer.java` made ready to start.

All that is made is kept in `.cache/neo4j/`: the jars of a version, which Maven fetches, without their signatures, and
beside them a folder for each JDK that has run them, with the compiled program and an archive of the classes that it
loads.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.etree import ElementTree

from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.support.histories import adding

SOURCES: Final = Path(__file__).parents[1] / "neo4j"
CACHE: Final = Path(__file__).parents[2] / ".cache" / "neo4j"
JVM_OPTIONS: Final = [
    "-XX:+DisplayVMOutputToStderr",
    "-XX:-OmitStackTraceInFastThrow",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
]
SHORT_LIVED: Final = (
    "-Xmx1g",
    "-Xmn400m",
    "-XX:TieredStopAtLevel=1",
    "-XX:CompileThresholdScaling=0.1",
    "-XX:+UseSerialGC",
    "-XX:ReservedCodeCacheSize=240m",
    "-Ddescent.keepPlans=true",
)
"""For a JVM that ends before optimising its code pays: a module of tests takes half of the processor time.

What is called twenty times is compiled, without optimising, instead of two hundred times: that is a tenth less again.
"""
MANIFEST: Final = "META-INF/MANIFEST.MF"
SIGNATURE: Final = re.compile(r"META-INF/[^/]+\.(SF|RSA|DSA|EC)")
COMPILER: Final = "jdk.compiler/com.sun.tools.javac.Main"


class NoNeo4jError(Exception):
    """This way of having a Neo4j is not open here, or none is; the message says why."""


def find_java() -> str:
    """The `java` of `JAVA_HOME`, or else of the path. Raises NoNeo4jError unless it is 17 or later and can compile."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if not java:
        raise NoNeo4jError("there is no java")
    if version_of_java(java) < 17:
        raise NoNeo4jError(f"{java} is not a JDK of version 17 or later")
    return java


def version_of_java(java: str) -> int:
    """Which JDK a `java` is of; 0 where it is too old to have modules, or came without a compiler."""
    told = subprocess.run([java, "--describe-module", "jdk.compiler"], capture_output=True, text=True, check=False)
    version = re.match(r"jdk\.compiler@(\d+)", told.stdout)  # it says `jdk.compiler@17.0.15` and more
    return int(version[1]) if version else 0


def fetch_jars(version: str | None = None) -> Path:
    """The folder of Neo4j's jars, fetched by Maven if this `pom.xml` has not been followed before.

    They are of the version that it names where no other is given. Several processes may ask at once.
    Raises NoNeo4jError without Maven, or where Maven cannot fetch them.
    """
    pom = SOURCES / "pom.xml"
    version = version or ElementTree.parse(pom).findtext(".//{*}neo4j.version")
    folder = CACHE / f"{version}-{digest(pom)}-unsigned" / "lib"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if not maven:
        raise NoNeo4jError(f"there is no mvn to fetch the jars of Neo4j {version}")
    with only_one(folder.parent):
        if not folder.is_dir():
            partial = folder.with_name("partial")
            goal = [f"-Dneo4j.version={version}", "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
            command = [maven, "-q", "-B", "--strict-checksums", "-f", str(pom), *goal]
            ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if ran.returncode:
                raise NoNeo4jError(f"mvn cannot fetch the jars of Neo4j {version}: {ran.stdout.strip()[-500:]}")
            for jar in partial.glob("*.jar"):
                unsign(jar)
            partial.rename(folder)  # only a folder that is whole has this name
    return folder


def unsign(jar: Path) -> None:
    """Take the signature out of a jar that has one.

    Maven has compared checksums when it fetched. A JVM verifies signatures whenever it starts, which took it longer
    than all else until Neo4j was there, and it archives no class of a signed jar.
    """
    with zipfile.ZipFile(jar) as signed:
        if not any(map(SIGNATURE.fullmatch, signed.namelist())):
            return
        unsigned = jar.with_suffix(".unsigned")
        with zipfile.ZipFile(unsigned, "w", zipfile.ZIP_DEFLATED) as plain:
            for name in signed.namelist():
                content = signed.read(name)
                if name == MANIFEST:
                    content = re.split(rb"(?<=\n)\r?\n", content)[0]  # the rest are digests of every file
                if not SIGNATURE.fullmatch(name):
                    plain.writestr(name, content)
    unsigned.replace(jar)


@dataclass(frozen=True, slots=True)
class Program:
    """How to start the compiled `Neo4jServer`: `words` go behind the options of the JVM, `archive` is one of them."""

    folder: Path
    jars: Path

    @property
    def words(self) -> list[str]:
        return ["-cp", f"{self.folder / 'server.jar'}:{self.jars}/*", "Neo4jServer"]

    @property
    def archive(self) -> list[str]:
        """Of classes as the JVM lays them out: with it a Neo4j is there with half of the processor time."""
        file = self.folder / "classes.jsa"
        return [f"-XX:SharedArchiveFile={file}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"] if file.exists() else []


def program(java: str, jars: Path, archive: Callable[[Program, Path], None]) -> Program:
    """`Neo4jServer` compiled by a JDK, as it was if that has been done before. Several processes may ask at once.

    `archive` is to run it, and to leave an archive of its classes in a file. Raises RuntimeError where it cannot be
    compiled.
    """
    source = SOURCES / "Neo4jServer.java"
    found = Program(jars.parent / f"java{version_of_java(java)}-{digest(source)}", jars)
    new = False
    with only_one(jars.parent):
        if not found.folder.is_dir():
            partial = found.folder.with_name("partial-program")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            _compile(java, jars, source, partial / "server.jar")
            partial.rename(found.folder)  # only a folder that is whole has this name
            new = True
    if new:
        # Whoever comes meanwhile does without it, which is sooner than to wait.
        with TemporaryDirectory(dir=found.folder) as folder:
            file = Path(folder) / "classes.jsa"
            archive(found, file)
            if file.exists():  # not every JDK can
                file.rename(found.folder / "classes.jsa")
    return found


def _compile(java: str, jars: Path, source: Path, jar: Path) -> None:
    with TemporaryDirectory() as folder:
        path = os.pathsep.join(map(str, jars.glob("*.jar")))
        command = [java, "-m", COMPILER, "-nowarn", "-cp", path, "-d", folder, str(source)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"{source.name} cannot be compiled: {ran.stdout}")
        with zipfile.ZipFile(jar, "w") as file:
            for compiled in Path(folder).iterdir():
                file.write(compiled, compiled.name)


def digest(file: Path) -> str:
    """A few digits by which versions of a file are told apart."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8]


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Wait until no other process is here with the same folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def exercise(uri: str) -> None:
    """Do in an empty Neo4j what every test of one begins with, so that it loads the classes that this takes."""
    store = Neo4jStore(uri)
    await store.open()
    await store.write([adding(Record.of(Kind.CODE, {"repository": "git:1", "commit": "1"}))])
    await store.close()
