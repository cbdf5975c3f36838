"""What the console says to type on a hub, typed: in a terminal and as a service, with a private CA."""

import json
import os
import pathlib
import subprocess

import pytest

import processes
import signing
from test_tls import Authority, TlsServer
from waiting import eventually

CONSOLE = processes.REPOSITORY / "console"
UNIT = processes.REPOSITORY / "packaging" / "systemd" / "vigie-agent.service"


def said(way, **hub):
    """The commands of the console's own rules, without a browser around them."""
    bundle = subprocess.run(
        [CONSOLE / "node_modules/.bin/esbuild", "src/logic/hub-commands.ts", "--bundle", "--format=cjs"],
        cwd=CONSOLE, check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    script = f"{bundle}\nprocess.stdout.write(module.exports.{way}({json.dumps(hub)}))"
    done = subprocess.run(["node"], input=script, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


@pytest.fixture(scope="module")
def tls_site(tmp_path_factory):
    with processes.Site(tmp_path_factory.mktemp("hub-commands")) as site:
        site.server = TlsServer(site, Authority(tmp_path_factory.mktemp("ca")))
        site.server.start()
        yield site


def hub(server, name):
    key_id, secret = server.key()
    return {
        "arn": f"arn:aws:iot:{processes.REGION}:000000000000:thing/{name}",
        "endpoint": server.url,
        "accessKeyId": key_id,
        "secretAccessKey": secret,
        "region": processes.REGION,
        "authority": server.authority.certificate.read_text(),
    }


def is_in_contact(server, arn):
    status, _, body = signing.call(server, "/listHubs", b"{}", context=server.context())
    assert status == 200, body
    return any(hub["HubDeviceArn"] == arn and hub["InContact"] for hub in json.loads(body)["Hubs"])


def test_in_a_terminal(tls_site):
    folder = tls_site.folder / "terminal"
    folder.mkdir()
    called = hub(tls_site.server, "terminal")
    # In place of the shell, so that the test ends it.
    commands = said("agentCommands", **called).replace("vigie agent", "exec vigie agent")
    path = f"{pathlib.Path(processes.VIGIE).parent}:{os.environ['PATH']}"
    environment = processes.clean_environment(PATH=path, VIGIE_LISTEN=f"127.0.0.1:{processes.free_port()}")
    agent = tls_site.run("terminal-hub", ["sh", "-ec", commands], environment, cwd=folder)
    eventually(lambda: agent.assert_running() or is_in_contact(tls_site.server, called["arn"]), 30, "the hub has called")
    assert (folder / "vigie-credentials").stat().st_mode & 0o777 == 0o600


# All is real but systemd and the list of users, in a mount namespace whose /etc goes with it.
AS_ROOT = r"""
mount -t tmpfs etc /etc
mkdir /etc/vigie
echo "$CONFIGURATION" >/etc/vigie/vigie.toml
id() { false; }
useradd() { echo "useradd $*" >>/etc/called; }
systemctl() { echo "systemctl $*" >>/etc/called; }
install() { command install "$1" "$2" "$5" "$6"; }
"""
CONFIGURATION = '[agent]\ntimezone = "UTC"\n'


def test_as_a_service(tls_site, tmp_path):
    called, etc = hub(tls_site.server, "service"), tmp_path / "etc"
    commands = f'{AS_ROOT}{said("serviceCommands", **called)}\ncp -r --preserve=mode /etc "$COPY"'
    # Whoever is not root gets to be it in a user namespace of its own.
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    environment = processes.clean_environment(CONFIGURATION=CONFIGURATION.strip(), COPY=str(etc))
    ran = subprocess.run(
        ["unshare", "--mount", *user, "sh", "-ec", commands], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert (etc / "called").read_text().splitlines() == [
        "useradd --system --shell /usr/sbin/nologin vigie",
        "systemctl daemon-reload",
        "systemctl enable --now vigie-agent",
    ]
    assert (etc / "vigie" / "vigie.toml").read_text() == CONFIGURATION, "what was there stays"
    assert (etc / "vigie" / "hub-credentials").stat().st_mode & 0o777 == 0o600

    # As systemd starts it: the unit's settings, then those of the file beside it.
    beside = etc / "systemd" / "system" / "vigie-agent.service.d" / "hub.conf"
    lines = UNIT.read_text().splitlines() + beside.read_text().splitlines()
    settings = dict(line.removeprefix("Environment=").split("=", 1) for line in lines if line.startswith("Environment="))
    settings = {
        name: value.replace("/etc/", f"{etc}/").replace("%S", str(tmp_path / "state")) for name, value in settings.items()
    }
    [start] = [line.removeprefix("ExecStart=/usr/bin/vigie").split() for line in lines if line.startswith("ExecStart=")]
    settings["VIGIE_LISTEN"] = f"127.0.0.1:{processes.free_port()}"
    agent = tls_site.run("service-hub", [processes.VIGIE, *start], processes.clean_environment(**settings))
    eventually(lambda: agent.assert_running() or is_in_contact(tls_site.server, called["arn"]), 30, "the hub has called")
