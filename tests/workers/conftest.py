"""A PostgreSQL server of the tests' own, reached by a socket in its folder."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from civo_snapshots_async.testing import FakeCivo

from ..serving import serving

INSTANCES = ("web-1", "web-2", "web-3", "db-1", "db-2", "db-3")


def server_programs() -> Path:
    """Return the folder of `initdb` and `pg_ctl`, which Debian does not put on the PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    assert folders, "no PostgreSQL server: apt-get install postgresql"

    return folders[0]


@pytest.fixture(scope="session")
def server() -> Iterator[Path]:
    """Run a server, and return the folder of its socket."""
    programs = server_programs()
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="civo-workers-"))
    if user:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - Debian's own
            [programs / program, f"--pgdata={folder}/data", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=user,
        )

    run("initdb", "--username=tests", "--auth=trust", "--no-sync", "--encoding=UTF8")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "start", "--wait", f"--log={folder}/log", f"--options={options}")
    try:
        yield folder
    finally:
        run("pg_ctl", "stop", "--wait", "--mode=immediate")
        shutil.rmtree(folder)


@pytest.fixture
def database(server: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Return a connection to an empty database, which programs find in their environment."""
    where = f"host={server} user=tests"
    with psycopg.connect(f"{where} dbname=postgres", autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS queue WITH (FORCE)")
        admin.execute("CREATE DATABASE queue")
    monkeypatch.setenv("DATABASE_URL", f"{where} dbname=queue")
    with psycopg.connect(f"{where} dbname=queue", autocommit=True) as connection:
        yield connection


@pytest.fixture
def civo(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCivo]:
    """Return a FakeCivo on the machine's own time, which programs find in their environment."""
    civo = FakeCivo(takes=0.0)
    for instance_id in INSTANCES:
        civo.add_instance(instance_id)
    with serving(civo, monkeypatch):
        yield civo
