"""The real cordon-emulator for tests written in Python: started in a temporary directory, ended with its context."""

import json
import os
import select
import shutil
import ssl
import subprocess
import tempfile
import urllib.request
from pathlib import Path

START_TIMEOUT_S = 120
CONTROL_TIMEOUT_S = 60


class Emulator:
    """with Emulator(binary, "--speed", "60") as emulator: ..."""

    def __init__(self, binary, *arguments):
        self.directory = Path(tempfile.mkdtemp(prefix="cordon-emulator-"))
        try:
            self._start([str(binary), "--ready-file", str(self.directory / "ready.json"), *map(str, arguments)])
        except BaseException:
            self.close()
            raise

    def _start(self, command):
        self._errors = open(self.directory / "stderr", "w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        # It prints its one line when the ready file is in place.
        readable, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT_S)
        if not readable or not self.process.stdout.readline():
            self._errors.seek(0)
            raise RuntimeError(f"{command[0]} did not start: {self._errors.read()}")
        self.ready = json.loads((self.directory / "ready.json").read_text())
        context = ssl.create_default_context(cafile=self.ready["ca_file"])
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        process = getattr(self, "process", None)
        if process is not None:
            process.kill()
            process.wait()
            process.stdout.close()
        self._errors.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def control(self, method, path, body=None):
        """A request to the control plane; the answer's document, None for an empty one."""
        request = urllib.request.Request(
            self.ready["control_url"] + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self._opener.open(request, timeout=CONTROL_TIMEOUT_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def arm_fault(self, fault):
        self.control("POST", "/emulator/faults", fault)

    def posts(self, part="/api/"):
        """How many POSTs reached endpoints whose name contains `part`, dropped and faulted ones included."""
        return sum(
            row["count"]
            for row in self.control("GET", "/emulator/counters")
            if row["endpoint"].startswith("POST ") and part in row["endpoint"]
        )

    def client_config(self, name):
        """The ready file's config with a state directory of its own, secrets in memory, quick intervals."""
        config = json.loads(json.dumps(self.ready["config"]))
        config["state_dir"] = str(self.directory / name)
        config["vault"] = {"file": None}
        config["track"]["interval_ms"] = 50
        config["reconcile"]["settle_ms"] = 700
        return config


def without_proxies():
    """The environment for programs that talk to loopback only."""
    return {k: v for k, v in os.environ.items() if k.lower() not in ("http_proxy", "https_proxy", "all_proxy")}
