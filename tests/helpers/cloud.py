"""IAM and STS for tests that change access keys: moto's IAM and the sandbox's STS.

One address for both: a front server in the test's process, which knows what is asked,
in what order, and can answer in their place, or end whoever asked. moto runs in a
process of its own and checks every signature; a key that it makes or deletes is known
to the sandbox at once, unless ``slow`` says that AWS needs its time.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from sts_plugin.sandbox.identities import Caller, Key, Kind

MOTO = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
EVERYTHING = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
)


class Moto:
    """moto as a process; its first three calls are free, and make an administrator."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", MOTO],
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = int(self._process.stdout.readline())
        nobody = self._client("nobody", "nothing")
        nobody.create_user(UserName="admin")
        nobody.put_user_policy(
            UserName="admin", PolicyName="all", PolicyDocument=EVERYTHING
        )
        key = nobody.create_access_key(UserName="admin")["AccessKey"]
        self.admin_key = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        self.admin = self._client(key["AccessKeyId"], key["SecretAccessKey"])

    def _client(self, key_id, secret):
        return botocore.session.Session().create_client(
            "iam",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(proxies={}),
        )

    def new_user(self, name):
        """Make a user who may do everything, and has one key; return the key."""
        for one in self.admin.list_users()["Users"]:
            if one["UserName"] == name:
                for key_id in self.keys(name):
                    self.admin.delete_access_key(UserName=name, AccessKeyId=key_id)
                self.admin.delete_user_policy(UserName=name, PolicyName="all")
                self.admin.delete_user(UserName=name)
        self.admin.create_user(UserName=name)
        self.admin.put_user_policy(
            UserName=name, PolicyName="all", PolicyDocument=EVERYTHING
        )
        key = self.admin.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def keys(self, name):
        """The ids of a user's keys."""
        found = self.admin.list_access_keys(UserName=name)["AccessKeyMetadata"]
        return {one["AccessKeyId"] for one in found}

    def stop(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


class Cloud:
    """The front: ``url`` is what both services are to be asked at."""

    def __init__(self, moto, sandbox, user):
        self.moto, self.sandbox, self.user = moto, sandbox, user
        self.asked = []  # what was asked, in order
        self.slow = False  # whether STS does not know yet what IAM has made
        self.waiting = []  # the keys it will know
        self.secrets = set()  # of all keys that were made here
        self._faults = []
        self._killing = None
        self._victims = []
        self._victim = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.cloud = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environ(self):
        return {"AWS_ENDPOINT_URL_IAM": self.url, "AWS_ENDPOINT_URL_STS": self.url}

    @property
    def keys(self):
        """The ids of the user's keys, as IAM has them."""
        return self.moto.keys(self.user.name)

    # --- Trouble ---

    def refuse(self, action, *, code="AccessDenied", status=403, times=1, after=False):
        """Answer an error; ``after`` it was done all the same."""
        self._faults.append([action, code, status, times, after])

    def fault(self, action, *, after):
        for one in self._faults:
            if one[0] == action and one[4] == after and one[3] > 0:
                one[3] -= 1
                return one[1], one[2]
        return None

    def kill_at(self, number, *, after):
        """End who asks for the ``number``-th time, before it has an effect or after."""
        self._killing = (number, after)

    def victim(self, pid):
        with self._victim:
            self._victims.append(pid)
            self._victim.notify_all()

    def killed(self, number, *, after):
        """Whether this was the moment."""
        if self._killing != (number, after):
            return False
        self._killing = None
        with self._victim:
            self._victim.wait_for(lambda: self._victims, 30)
            os.kill(self._victims.pop(), signal.SIGKILL)
        return True

    # --- What IAM does, and STS hears of ---

    def made(self, key_id, secret):
        user = self.user
        caller = Caller(
            Kind.USER, user.arn, user.user_id, user.account, user_arn=user.arn
        )
        key = Key(key_id, secret, caller)
        self.secrets.add(secret)
        if self.slow:
            self.waiting.append(key)
        else:
            self.known(key)

    def known(self, key):
        self.sandbox._estate.registry._keys[key.access_key_id] = key

    def deleted(self, key_id):
        self.sandbox.revoke(key_id)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        cloud = self.server.cloud
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = {name: value[0] for name, value in parse_qs(body.decode()).items()}
        action = query["Action"]
        cloud.asked.append(action)
        number = len(cloud.asked)
        if cloud.killed(number, after=False):
            self.close_connection = True
            return
        if fault := cloud.fault(action, after=False):
            self._refuse(*fault)
            return
        signed = self.headers["Authorization"] or ""
        of_iam = "/iam/aws4_request" in signed
        status, answer = self._forward(body, of_iam=of_iam)
        if of_iam and status == 200:
            text = answer.decode()
            if action == "CreateAccessKey":
                names = ("AccessKeyId", "SecretAccessKey")
                cloud.made(
                    *(re.search(f"<{one}>(.*?)</{one}>", text)[1] for one in names)
                )
            elif action == "DeleteAccessKey":
                cloud.deleted(query["AccessKeyId"])
        if cloud.killed(number, after=True):
            self.close_connection = True
            return
        if fault := cloud.fault(action, after=True):
            self._refuse(*fault)
            return
        self._answer(status, answer)

    def _forward(self, body, *, of_iam):
        cloud = self.server.cloud
        port = cloud.moto.port if of_iam else urlsplit(cloud.sandbox.endpoint_url).port
        headers = dict(self.headers.items())
        if of_iam and (token := headers.pop("X-Amz-Security-Token", None)):
            headers = self._signed_anew(body, headers, token)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _signed_anew(self, body, headers, token):
        """moto knows nothing of the sandbox's sessions: vouch for one with MFA."""
        keys = self.server.cloud.sandbox._estate.registry._keys.values()
        [session] = [one for one in keys if one.session_token == token]
        assert session.caller.mfa
        assert f"Credential={session.access_key_id}/" in headers["Authorization"]
        request = AWSRequest(
            "POST",
            f"http://127.0.0.1:{self.server.cloud.moto.port}/",
            data=body,
            headers={"Content-Type": headers["Content-Type"]},
        )
        SigV4Auth(self.server.cloud.moto.admin_key, "iam", "us-east-1").add_auth(
            request
        )
        return dict(request.headers.items())

    def _refuse(self, code, status):
        self._answer(
            status,
            f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error>"
            "<RequestId>1</RequestId></ErrorResponse>".encode(),
        )

    def _answer(self, status, data):
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
