"""The profile's network settings count for our calls: certificates and proxies."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading

import pytest
import trustme

CONFIG = """\
[profile p]
region = us-east-1
role_arn = arn:aws:iam::222222222222:role/Batch
source_profile = alice
endpoint_url = {url}
"""


class Relay:
    """A server that passes on what it is sent, to one place, and counts who came."""

    def __init__(self, port, context=None):
        self.port_behind = port
        self.context = context
        self.requests = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    @property
    def port(self):
        return self.listening.getsockname()[1]

    def stop(self):
        # Wakes the thread up: to close a socket does not.
        self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listening.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                with client, contextlib.suppress(OSError):
                    self._pass_on(client)

    def _pass_on(self, client):
        if self.context:
            client = self.context.wrap_socket(client, server_side=True)
        with client, socket.create_connection(("127.0.0.1", self.port_behind)) as there:
            first = client.recv(65536)
            self.requests.append(first.split(b"\r\n")[0].decode())
            # A proxy is sent the whole URL; who is behind it wants the path.
            there.sendall(first.replace(b"POST http://sts.example:8080/", b"POST /", 1))
            while True:
                ready, _, _ = select.select([client, there], [], [], 10)
                if not ready:
                    return
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    (there if one is client else client).sendall(data)


@pytest.fixture
def relay(sandbox):
    started = []

    def start(context=None):
        port = int(sandbox.endpoint_url.rpartition(":")[2])
        started.append(Relay(port, context))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def authority(tmp_path):
    """A certificate authority that nobody knows, and the file of its certificate."""
    made = trustme.CA()
    file = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(file)
    return made, file


@pytest.mark.parametrize("how", ["AWS_CA_BUNDLE", "ca_bundle"])
def test_the_certificates_of_the_environment_and_of_the_profile_count(
    program, write_config, relay, authority, how
):
    made, file = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    server = relay(context)
    config = CONFIG.format(url=f"https://127.0.0.1:{server.port}")
    no_url = {"AWS_ENDPOINT_URL_STS": ""}
    write_config(config)
    refused = program("credential-process", "--profile", "p", environ=no_url)
    assert (refused.returncode, refused.stdout) == (6, "")
    assert "certificate" in refused.stderr.lower()
    if how == "ca_bundle":
        write_config(f"{config}ca_bundle = {file}\n")
    else:
        no_url["AWS_CA_BUNDLE"] = str(file)
    done = program("credential-process", "--profile", "p", environ=no_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.requests == ["POST / HTTP/1.1"]


@pytest.mark.parametrize("exempt", ["", "sts.example"])
def test_the_proxy_of_the_environment_is_used(program, write_config, relay, exempt):
    server = relay()
    write_config(CONFIG.format(url="http://sts.example:8080"))
    done = program(
        "credential-process",
        "--profile",
        "p",
        environ={
            "AWS_ENDPOINT_URL_STS": "",
            "HTTP_PROXY": f"http://127.0.0.1:{server.port}",
            "NO_PROXY": exempt,
        },
    )
    if exempt:  # there is no such host, but by the proxy
        assert (done.returncode, server.requests) == (6, [])
    else:
        assert server.requests == ["POST http://sts.example:8080/ HTTP/1.1"]
        assert (done.returncode, done.stderr) == (0, "")


def test_the_hops_of_a_chain_share_one_connection_and_its_handshake(
    program, write_config, relay, authority, sandbox
):
    made, file = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    server = relay(context)
    role = "role_arn = arn:aws:iam::{}:role/{}\nsource_profile = {}\n"
    write_config(
        f"[profile p]\nregion = us-east-1\nca_bundle = {file}\n"
        f"endpoint_url = https://127.0.0.1:{server.port}\n"
        + role.format("333333333333", "TaggedNext", "first")
        + "[profile first]\n"
        + role.format("222222222222", "Tagged", "alice")
    )
    done = program(
        "credential-process", "--profile", "p", environ={"AWS_ENDPOINT_URL_STS": ""}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.journal.count("AssumeRole", outcome="ok") == 2
    assert len(server.requests) == 1  # one for each connection
