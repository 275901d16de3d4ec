#!/usr/bin/env python3
"""oidc-provider, a certified OpenID provider behind routes like those of Microsoft's sign-in service, judges Cordon's
token requests: client secret, PS256 and RS256 assertions, device code and refresh; and refuses tampered ones.

    oidc_provider_test.py <cordon> <cordon-emulator> <scratch directory>

Exit: 0 passed, 1 failed, 77 skipped: Node 18, npm, or the packages from its registry are not to be had.
"""

import json
import os
import re
import select
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path

from judges import expect, install

from emulator import Emulator, without_proxies

TIMEOUT_S = 120
SCOPE = "https://api.securitycenter.microsoft.com"
SECRET = "a secret: & = % +"
TENANT = "4d0b7f0e-5f1b-4b6a-9a66-1a2b3c4d5e6f"
KINDS = ("secret", "PS256", "RS256", "device")


class Provider:
    """The Node program, until its context ends."""

    def __init__(self, programs, directory, ready, clients, key_pem):
        tls = Path(ready["ca_file"]).parent
        setup = directory / "setup.json"
        setup.touch(mode=0o600)
        setup.write_text(json.dumps({
            "tenant": TENANT, "certificate_file": str(tls / "server.pem"), "key_file": str(tls / "server.key"),
            "scope": f"{SCOPE}/.default", "jwks_private_pem": key_pem,
            "clients": [{"kind": kind, "client_id": client, "client_secret": SECRET} for kind, client in clients.items()],
        }))
        self.log = open(directory / "provider.log", "w+")
        self.process = subprocess.Popen(["node", "provider.mjs", setup], cwd=programs, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=without_proxies())
        readable, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_S)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("{"):
            self.close()
            raise RuntimeError(f"the provider did not start: {line}{self.complaint()}")
        self.url = json.loads(line)["url"]
        context = ssl.create_default_context(cafile=ready["ca_file"])
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                   urllib.request.HTTPSHandler(context=context))

    def complaint(self):
        self.log.seek(0)
        return self.log.read()

    def judge(self, what, body=None):
        request = urllib.request.Request(f"{self.url}/judge/{what}",
                                         data=None if body is None else json.dumps(body).encode())
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.log.close()


class Client:
    """The command line, each call a process of its own."""

    def __init__(self, cordon, directory, emulator, provider, kind, client_id, certificate):
        credential = {
            "secret": {"kind": "client_secret", "secret_name": "app"},
            "PS256": {"kind": "client_certificate", "certificate_file": certificate},
            "RS256": {"kind": "client_certificate", "certificate_file": certificate, "algorithm": "RS256"},
            "device": {"kind": "device_code"},
        }[kind]
        home = directory / f"{kind}-{uuid.uuid4()}"
        home.mkdir(mode=0o700)
        key = home / "vault.key"
        key.touch(mode=0o600)
        key.write_text(os.urandom(32).hex())
        self.command = [str(cordon), "--config", str(home / "config.json")]
        (home / "config.json").write_text(json.dumps({
            "state_dir": str(home / "state"),
            "vault": {"file": str(home / "credentials.cordon"), "unlock": [{"key_file": str(key)}]},
            "tenants": {"contoso": {
                "tenant_id": TENANT, "client_id": client_id, "credential": credential,
                "cloud": {"api": emulator.ready["url"], "login": provider.url, "audience": SCOPE}}},
            "http": {"ca_file": emulator.ready["ca_file"], "proxy": ""},
        }))
        self.run("secret", "set", "app", input=SECRET)

    def run(self, *arguments, **options):
        return subprocess.run(self.command + list(arguments), text=True, capture_output=True, timeout=TIMEOUT_S,
                              env=without_proxies(), **options)

    def token(self):
        """The entry of preflight that tells of the token."""
        said = self.run("preflight", stdin=subprocess.DEVNULL).stdout
        entries = [check for check in json.loads(said)["checks"] if check["check"] == "token"]
        return entries[0]


def check_assertions(provider, make_client):
    now = int(time.time())
    tampering = [
        ("aud", "https://login.example/other"), ("aud", None), ("exp", now - 3600), ("exp", None),
        ("iss", "somebody"), ("sub", "somebody"), ("jti", None), ("nbf", now + 3600),
    ]
    for alg in ("PS256", "RS256"):
        token = make_client(alg).token()
        seen = provider.judge("seen")[-1]
        expect(token["result"] == "ok" and seen["alg"] == alg, f"{alg} is accepted\n{token} {seen} {provider.complaint()}")
        for claim, value in tampering:
            for resigned in (True, False):
                provider.judge("tamper", {"claim": claim, "value": value, "sign": resigned})
                token = make_client(alg).token()
                seen = provider.judge("seen")[-1]
                expect(token["result"] == "failed" and token["error"] == "CORDON_E_UNAUTHENTICATED" and seen["error"],
                       f"{alg} with {claim} tampered with{', signed again,' if resigned else ''} is refused"
                       f"\n{token} {seen}")
        provider.judge("tamper", {"claim": "later", "value": "harmless", "sign": True})
        token = make_client(alg).token()
        expect(token["result"] == "ok", f"{alg} with a claim more, signed again, is accepted: the tampering works\n{token}")


def check_device_code(provider, client):
    process = subprocess.Popen(client.command + ["login", "contoso"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True, env=without_proxies())
    lines = []
    shown = threading.Event()

    def read_lines():
        for line in process.stderr:
            lines.append(line)
            if "type in the code" in line:
                shown.set()

    reader = threading.Thread(target=read_lines)
    reader.start()
    try:
        shown.wait(TIMEOUT_S)
        told = "".join(lines)
        found = re.search(r"open (\S+) on any device and type in the code (\S+) ", told)
        expect(found and found.group(1).startswith(provider.url), f"the command line shows address and code\n{told}")
        provider.judge("approve", {"user_code": found.group(2)})
        process.wait(TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
        reader.join()
        document = process.stdout.read()
        process.stdout.close()
        process.stderr.close()
    expect(process.returncode == 0, f"the sign-in by device code is accepted\n{document}{lines}{provider.complaint()}")
    grants = [entry["grant"] for entry in provider.judge("seen")]
    expect(grants[-1].endswith("device_code"), "the device code was polled for")
    for attempt in ("the first", "the second"):
        token = client.token()
        seen = provider.judge("seen")[-1]
        expect(token["result"] == "ok" and seen["grant"] == "refresh_token",
               f"{attempt} refresh token is accepted\n{token} {seen} {provider.complaint()}")


def main():
    cordon, binary, scratch = (Path(argument).absolute() for argument in sys.argv[1:4])
    programs = install(scratch)
    with tempfile.TemporaryDirectory(prefix="cordon-judge-") as temporary:
        directory = Path(temporary)
        with Emulator(binary, "--credential-dir", directory / "credentials") as emulator:
            certificate = emulator.ready["credentials"]["certificate_file"]
            clients = {kind: str(uuid.uuid4()) for kind in KINDS}
            key_pem = re.search(r"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\n",
                                Path(certificate).read_text(), re.S).group(0)
            with Provider(programs, directory, emulator.ready, clients, key_pem) as provider:

                def make_client(kind):
                    return Client(cordon, directory, emulator, provider, kind, clients[kind], certificate)

                token = make_client("secret").token()
                expect(token["result"] == "ok", f"the client secret is accepted\n{token} {provider.complaint()}")
                check_assertions(provider, make_client)
                check_device_code(provider, make_client("device"))


if __name__ == "__main__":
    main()
