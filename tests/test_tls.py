"""https with a private CA: the AWS CLI, boto3 and the agent against it, http/1.1 only, a new certificate while running."""

import json
import pathlib
import socket
import ssl
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import pytest

import media
import processes
from processes import AWS, REGION, VIGIE, clean_environment, free_port
from streams import configure, list_fragments, wait_for_fragments
from waiting import eventually


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


class Authority:
    """A private certificate authority made with openssl, as docs/tls.md says."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.certificate, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 30,
            "-subj", "/CN=Vigie test CA", "-keyout", self.key, "-out", self.certificate,
        )  # fmt: skip

    def issue(self, name):
        """A certificate for 127.0.0.1; returns (certificate, key)."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-keyout", key, "-out", request,
        )  # fmt: skip
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", 30, "-extfile", extensions, "-out", certificate,
        )  # fmt: skip
        return certificate, key


class SelfMade:
    """Certificates that vouch for themselves, as `openssl req -x509` makes them: each says that it is an authority."""

    def __init__(self, folder, names="IP:127.0.0.1,DNS:localhost"):
        self.folder, self.names = pathlib.Path(folder), names
        self.certificate, self.key = self.folder / "own.pem", self.folder / "own.key"

    def issue(self, name):
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 30,
            "-subj", f"/CN={name}", "-addext", f"subjectAltName={self.names}",
            "-keyout", self.key, "-out", self.certificate,
        )  # fmt: skip
        return self.certificate, self.key


class TlsServer(processes.Server):
    """`vigie server` with TLS; /readyz is asked for over https as well."""

    def __init__(self, site, authority):
        super().__init__(site, "server")
        self.authority = authority
        self.url = f"https://127.0.0.1:{self.port}"
        self.certificate, self.key_file = site.folder / "server.pem", site.folder / "server.key"
        self.install("first")

    def install(self, name):
        """Puts a new pair where the server reads it; returns the certificate's PEM."""
        certificate, key = self.authority.issue(name)
        self.key_file.write_bytes(key.read_bytes())
        self.certificate.write_bytes(certificate.read_bytes())
        return certificate.read_text()

    def start(self):
        options = ["--tls-cert", self.certificate, "--tls-key", self.key_file]
        processes.Daemon.start(self, ["server", *options])

    def context(self, alpn=None):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if alpn:
            context.set_alpn_protocols(alpn)
        return context

    def connect(self, alpn=None):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return self.context(alpn).wrap_socket(plain, server_hostname="127.0.0.1")

    def is_ready(self):
        self.process.assert_running()
        try:
            with self.connect() as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def client(self, service, key=None, endpoint_url=None):
        return self.boto3_client(service, self.authority.certificate, key, endpoint_url)

    def boto3_client(self, service, verify, key=None, endpoint_url=None):
        key_id, secret = key or self.key()
        return boto3.client(
            service, endpoint_url=endpoint_url or self.url, region_name=REGION, verify=str(verify) if verify else None,
            aws_access_key_id=key_id, aws_secret_access_key=secret,
            config=botocore.config.Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=40, proxies={}),
        )  # fmt: skip

    def aws(self, *arguments):
        environment = clean_environment(
            AWS_SHARED_CREDENTIALS_FILE=str(self.credentials_path), AWS_PAGER="", AWS_MAX_ATTEMPTS="1",
            AWS_CA_BUNDLE=str(self.authority.certificate),
        )  # fmt: skip
        command = [AWS, "--endpoint-url", self.url, "--region", REGION, "--output", "json", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tls_site(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("ca"))
    with processes.Site(tmp_path_factory.mktemp("tls")) as site:
        site.server = TlsServer(site, authority)
        site.server.start()
        yield site


def test_the_aws_cli_works_with_the_private_ca_and_is_sent_to_https(tls_site):
    aws = tls_site.server.aws
    aws("kinesisvideo", "create-stream", "--stream-name", "cli", "--data-retention-in-hours", "1")
    endpoint = aws("kinesisvideo", "get-data-endpoint", "--stream-name", "cli", "--api-name", "PUT_MEDIA")
    assert endpoint["DataEndpoint"] == tls_site.server.url


def test_boto3_works_with_the_private_ca_and_not_without(tls_site):
    server = tls_site.server
    server.client("kinesisvideo").create_stream(StreamName="boto")
    assert server.client("kinesisvideo").describe_stream(StreamName="boto")["StreamInfo"]["StreamName"] == "boto"
    with pytest.raises(botocore.exceptions.SSLError):
        server.boto3_client("kinesisvideo", None).list_streams()


def test_http_1_1_is_the_only_protocol_that_is_offered(tls_site):
    with tls_site.server.connect(["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    with pytest.raises(ssl.SSLError):
        tls_site.server.connect(["h2"])


def test_plain_http_on_the_tls_port_is_told_nothing(tls_site):
    with socket.create_connection(("127.0.0.1", tls_site.server.port), timeout=5) as plain:
        plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        try:
            while piece := plain.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
    assert b"HTTP" not in answer and len(answer) <= 7, answer  # a TLS alert at most
    assert tls_site.server.is_ready()


def test_a_new_certificate_is_taken_while_running(tls_site):
    server = tls_site.server

    def served():
        with server.connect() as connection:
            return connection.getpeercert(binary_form=True)

    before = served()
    new = ssl.PEM_cert_to_DER_cert(server.install("second"))
    assert before != new
    eventually(lambda: served() == new, 20, "the new certificate is served")
    server.key_file.write_text("no key")
    eventually(lambda: "stays in use" in server.process.log(), 20, "the bad pair is said")
    assert served() == new
    server.install("third")
    eventually(lambda: served() != new, 20, "a good pair is taken after a bad one")


class TlsAgent(processes.Agent):
    def start(self, trusted):
        credentials = {"AWS_SHARED_CREDENTIALS_FILE": str(self.server.credentials_path)}
        environment = clean_environment(**credentials, **({"SSL_CERT_FILE": str(trusted)} if trusted else {}))
        options = ["--hub-device-arn", self.hub_device_arn, "--endpoint-url", self.server.url]
        processes.Daemon.start(self, ["agent", *options], environment)


def test_the_agent_records_and_uploads_over_https(tls_site):
    camera = tls_site.vigie_camera(media.h264_aac_mp4())
    agent = TlsAgent(tls_site, "hub", tls_site.server)
    configure(tls_site.server, agent, "yard", f"rtsp://{camera}/cam0")
    agent.start(tls_site.server.authority.certificate)
    wait_for_fragments(tls_site.server, "yard", 2)
    assert list_fragments(tls_site.server, "yard")


def test_a_certificate_that_vouches_for_itself_is_trusted_by_all_clients_alike(tmp_path):
    with processes.Site(tmp_path) as site:
        site.server = TlsServer(site, SelfMade(tmp_path))
        site.server.start()
        site.server.aws("kinesisvideo", "list-streams")
        camera = site.vigie_camera(media.h264_aac_mp4())
        agent = TlsAgent(site, "hub", site.server)
        configure(site.server, agent, "yard", f"rtsp://{camera}/cam0")
        agent.start(site.server.authority.certificate)
        wait_for_fragments(site.server, "yard", 2)


def test_the_agent_says_why_it_trusts_no_certificate(tmp_path):
    with processes.Site(tmp_path) as site:
        # As it connects by address, no name fits.
        server = TlsServer(site, SelfMade(tmp_path, "DNS:elsewhere.invalid"))
        server.is_ready = lambda: True
        server.start()
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(server.authority.certificate.read_bytes())
        for number, (certificates, reason) in enumerate([(trusted, "not valid for name"), (None, "UnknownIssuer")]):
            agent = TlsAgent(site, f"hub-{number}", server)
            agent.start(certificates)
            said = lambda: [line for line in agent.process.log().splitlines() if "certificate is not trusted" in line]
            eventually(lambda: any(reason in line for line in said()), 20, f"{reason} is said")
            agent.process.stop()


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]"])
def test_plain_http_for_other_machines_is_refused_unless_it_is_meant(tmp_path, address):
    command = [VIGIE, "server", "--listen", f"{address}:{free_port()}", "--data-dir", tmp_path / "data"]
    done = subprocess.run(
        [str(part) for part in command], env=clean_environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "--tls-cert" in done.stderr and "--insecure-http" in done.stderr
    assert not (tmp_path / "data").exists()


def test_insecure_http_is_served_when_it_is_said(tmp_path):
    with processes.Site(tmp_path) as site:
        command = [VIGIE, "server", "--insecure-http", "--listen", f"0.0.0.0:{site.server.port}"]
        site.server.process = site.run("server", [*command, "--data-dir", site.server.data_dir])
        site.server.wait_ready()


def test_half_a_pair_is_wrong_usage(tmp_path):
    command = [VIGIE, "server", "--tls-cert", "server.pem", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "belong together" in done.stderr
