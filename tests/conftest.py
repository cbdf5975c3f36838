"""Fixtures of the whole-system tests: real programs on loopback, ended whatever happens."""

import fcntl
import os
import pathlib
import time

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


def pytest_collection_modifyitems(items):
    """Tests that wait for minutes start first, the others run beside them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if hasattr(item.module, "browsers"):
            # They wait for their turn as well.
            item.add_marker(pytest.mark.timeout(BROWSER_TIMEOUT_SECONDS), append=False)


# A browser that decodes and paints takes a processor: more of them at once, and cameras miss their times.
BROWSERS_AT_ONCE = 2
BROWSER_TIMEOUT_SECONDS = 1200


@pytest.fixture(autouse=True)
def browser_turn(request, tmp_path_factory):
    """Lets no more browsers run at once than that, whichever workers have them; before anything of the test begins."""
    if not hasattr(request.module, "browsers"):
        yield
        return
    # Above the folder of each worker is that of the run.
    slots = [open(tmp_path_factory.getbasetemp().parent / f"browser-{number}", "w") for number in range(BROWSERS_AT_ONCE)]
    try:
        while not any(_is_taken(slot) for slot in slots):
            time.sleep(0.2)
        yield
    finally:
        for slot in slots:
            slot.close()


def _is_taken(slot):
    """Takes it, where nobody has it."""
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
