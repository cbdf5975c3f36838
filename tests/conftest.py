"""Fixtures of the whole-system tests: real programs on loopback, ended whatever happens."""

import os
import pathlib

import pytest

import processes

# boto3 in this process: nothing from the machine it runs on.
for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_CONFIG_FILE"] = os.devnull


def pytest_configure():
    if not pathlib.Path(processes.VIGIE).exists():
        pytest.exit(f"{processes.VIGIE} is not there: run `cargo build -p vigie` or `make test`", returncode=1)


# A browser that decodes and paints takes a processor: more of them at once, and cameras miss their times.
BROWSERS_AT_ONCE = 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that wait for minutes start first, the others run beside them; those of a file run one after another."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    with_browsers = []
    for item in items:
        path = item.path.name
        if not hasattr(item.module, "browsers"):
            item.add_marker(pytest.mark.xdist_group(path))
            continue
        if path not in with_browsers:
            with_browsers.append(path)
        item.add_marker(pytest.mark.xdist_group(f"browsers-{with_browsers.index(path) % BROWSERS_AT_ONCE}"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the last words of every process."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for process in processes.started:
            code = process.exit_code()
            state = "running" if code is None else f"ended with {code}"
            report.sections.append((f"{process.name} ({state})", process.log()[-4000:]))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One running server for a module's tests; agents and cameras are added by each."""
    with processes.Site(tmp_path_factory.mktemp("site")) as site:
        site.server.start()
        yield site


@pytest.fixture
def own_site(tmp_path):
    """A running server for one test alone, which may kill it."""
    with processes.Site(tmp_path) as site:
        site.server.start()
        yield site
