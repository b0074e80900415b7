"""All that is checked: `nox --list` shows it, `nox` runs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False

PYPROJECT = nox.project.load_toml("pyproject.toml")
ROOT = Path(__file__).parent
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
IN_PARALLEL = ("--numprocesses=auto", "--maxprocesses=4")
# `tests` runs the slow ones: how the package is installed changes nothing for them.
QUICKLY = (*IN_PARALLEL, "-m", "not slow")
# No release of a dependency breaks a run before `nox -s lock` takes it in.
LOCK = "constraints.txt"
# With CIVO_NEWEST=1 in the environment, what breaks then is seen in time.
LOCKED = () if os.environ.get("CIVO_NEWEST") else ("--constraint", str(ROOT / LOCK))


def dependency_group(name: str) -> list[str]:
    """Return the requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install_locked(session: nox.Session, *requirements: str) -> None:
    """Install requirements in the versions of the lock."""
    session.install(*LOCKED, *requirements)


def let_pyenv_show_all_its_pythons() -> None:
    """Make pyenv's shims run every supported version, not just the one that is active."""
    if shutil.which("pyenv") is None:
        return
    shown = subprocess.run(
        ["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False
    ).stdout.split()
    wanted = [version for version in shown if version.rpartition(".")[0] in SUPPORTED]
    if wanted:
        os.environ["PYENV_VERSION"] = ":".join(wanted)


def runs(version: str) -> bool:
    """Tell whether `pythonX.Y` is there and starts: a shim may be there and not start."""
    python = shutil.which(f"python{version}")
    if python is None:
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


let_pyenv_show_all_its_pythons()
RUNNING = "{}.{}".format(*sys.version_info)
PYTHONS = [version for version in SUPPORTED if runs(version)] or [RUNNING]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests, which must reach full coverage."""
    install_locked(session, "--editable", ".", *dependency_group("test"))
    session.run("pytest", *(session.posargs or [*IN_PARALLEL, "--cov", "--cov-report=term"]))


@nox.session
@nox.parametrize("tool", ["opentelemetry", "sentry"])
def instrumented(session: nox.Session, tool: str) -> None:
    """Run the tests that keep a promise, with every aiohttp session traced by a tool."""
    install_locked(session, "--editable", ".", *dependency_group("instrumented"))
    session.run("pytest", "--instrument", tool, *(session.posargs or QUICKLY))


@nox.session
def lint(session: nox.Session) -> None:
    """Check rules, format and spelling."""
    install_locked(session, *dependency_group("lint"))
    session.run("codespell")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types with mypy and pyright, both strict, and that every public name has its type."""
    install_locked(session, "--editable", ".", *dependency_group("typing"))
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "civo_snapshots_async", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site, where a warning is an error, and check its reference."""
    install_locked(session, "--editable", ".", *dependency_group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")
    session.run("pytest", "tests/test_reference.py")


@nox.session(default=False)
def record(session: nox.Session) -> None:
    """Run the demo on a pseudo-terminal, and record it as the picture that the pages show."""
    install_locked(session, "--editable", ".[cli]", "pyte>=0.8.2")
    session.run("python", "docs/record_demo.py")


@nox.session(default=False)
def site(session: nox.Session) -> None:
    """Check each page of the site in Chromium: its width, links, console and accessibility."""
    if shutil.which("chromium") is None:
        session.error("no Chromium on the PATH: `apt-get install chromium`")
    install_locked(session, "--editable", ".", *dependency_group("site"))
    session.run("pytest", "-p", "no:randomly", *(session.posargs or ["tests/site"]))


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel, install it, and run the tests with the source tree out of reach."""
    install_locked(session, *dependency_group("build"), *dependency_group("test"))
    dist = Path(session.create_tmp()).absolute() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    session.install("--force-reinstall", "--no-deps", *map(str, dist.glob("*.whl")))
    install_locked(session, *PYPROJECT["project"]["dependencies"])
    away = dist.parent / "away"
    shutil.rmtree(away, ignore_errors=True)
    for folder in (".ci", "benchmarks", "docs", "examples", "tests"):
        shutil.copytree(folder, away / folder)
    for path in Path().glob("*.*"):
        if path.is_file():
            shutil.copy(path, away)
    shutil.copy("LICENSE", away)
    session.chdir(away)
    session.run("pytest", *(session.posargs or QUICKLY))


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows."""
    install_locked(session, "--editable", ".", *dependency_group("test"))
    oldest = [line.replace(">=", "==") for line in PYPROJECT["project"]["dependencies"]]
    session.install(*oldest)
    session.run("pytest", *(session.posargs or QUICKLY))


@nox.session(default=False)
def programs(session: nox.Session) -> None:
    """Run the programs that stand on other libraries, the web page in Chromium."""
    if shutil.which("chromium") is None:
        session.error("no Chromium on the PATH: `apt-get install chromium`")
    install_locked(session, "--editable", ".", *dependency_group("programs"))
    session.run("pytest", "tests/apps", *(session.posargs or IN_PARALLEL))


@nox.session(default=False)
def workers(session: nox.Session) -> None:
    """Run the example with several workers on a PostgreSQL server of its own."""
    servers = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    if shutil.which("initdb") is None and not any(servers):
        session.error("no PostgreSQL server: `apt-get install postgresql`")
    install_locked(session, "--editable", ".", *dependency_group("workers"))
    session.run("pytest", "tests/workers", *(session.posargs or IN_PARALLEL))


@nox.session
def install(session: nox.Session) -> None:
    """Run each command by which a page installs the project, in a fresh clone."""
    session.run("python", ".ci/installs.py")


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Write the newest versions of all that the other sessions install to constraints.txt."""
    session.install("uv>=0.9")
    groups = [f"--group={name}" for name in PYPROJECT["dependency-groups"]]
    session.run(
        "uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", SUPPORTED[0],
        "--all-extras", *groups, "--upgrade", "--no-annotate", "--custom-compile-command",
        "nox -s lock", "--output-file", LOCK,
    )  # fmt: skip


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure what the library costs beside bare aiohttp: `nox -s bench -- --help`."""
    install_locked(session, "--editable", ".", *dependency_group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Create, wait and restore on the embedded FakeCivo, or on Civo with an instance named."""
    install_locked(session, "--editable", ".")
    session.run("python", "examples/create_wait_restore.py", *session.posargs)
