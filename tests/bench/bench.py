#!/usr/bin/env python3
"""Measures Cordon beside plain C programs that do the same work; prints a table and asserts nothing.

usage: bench.py BUILD_DIR      the directory of the preset "bench"

Both sides of a row run in one session and take turns batch by batch, warm, over TLS on loopback. Times are in
microseconds: the median of the batches' medians; CPU is that of the whole process, all threads, per call.
Exit: 0 every row was measured, 1 otherwise.
"""

import contextlib
import json
import os
import pathlib
import platform
import secrets
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

TENANT = "11111111-2222-4333-8444-555555555555"
CLIENT = "66666666-7777-4888-9999-aaaaaaaaaaaa"
MACHINE = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"
UNLIMITED = "1000000/60s,1000000/3600s"

MACHINE_BODY = {
    "@odata.context": "https://api.security.microsoft.com/api/$metadata#Machines/$entity", "id": MACHINE,
    "computerDnsName": "bench-0001.example.org", "osPlatform": "Windows11", "osProcessor": "x64", "version": "23H2",
    "firstSeen": "2026-01-02T03:04:05.6789012Z", "lastSeen": "2026-02-03T04:05:06.7890123Z",
    "healthStatus": "Active", "onboardingStatus": "Onboarded", "riskScore": "None", "exposureLevel": "Low",
    "machineTags": [], "rbacGroupId": 0, "rbacGroupName": None, "isAadJoined": True, "aadDeviceId": None,
    "lastIpAddress": "192.0.2.7", "lastExternalIpAddress": "198.51.100.7", "agentVersion": "10.8760.1000.1000",
    "managedBy": "Intune", "deviceValue": "Normal", "ipAddresses": [],
}

NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; tcp_nodelay on;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;
    default_type application/json;
    location /api/ {{ return 200 '{machine}'; }}
    location / {{ return 200 '{{"token_type":"Bearer","expires_in":3599,"access_token":"{token}"}}'; }}
  }}
}}
"""


class Program:
    """A warm program of this folder: asked for batches on stdin."""

    def __init__(self, stack, name, *command):
        self.name = name
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        stack.callback(self.close)
        self.expect_line()

    def expect_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")
        return line

    def batch(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        median, _, cpu, mean = (float(word) for word in self.expect_line().split())
        return median, cpu, mean

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def make_certificates(folder):
    """A CA and a server certificate for 127.0.0.1; returns the CA's file."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("openssl", "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=bench CA",
        **quiet)
    run("openssl", "req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1", **quiet)
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "extensions", "-out", "server.pem", **quiet)
    return folder / "ca.pem"


def start_nginx(stack, folder):
    """Returns (origin, CA file)."""
    ca_file = make_certificates(folder)
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(
        dir=folder, port=port, machine=json.dumps(MACHINE_BODY, separators=(",", ":")).replace("$", "%24"),
        token="bench." + "x" * 1400))
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    server = subprocess.Popen([binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c",
                               str(folder / "nginx.conf")])
    stack.callback(stop, server)
    context = ssl.create_default_context(cafile=str(ca_file))
    for _ in range(500):
        try:
            urllib.request.urlopen(f"https://127.0.0.1:{port}/", context=context, timeout=5).read()
            return f"https://127.0.0.1:{port}", ca_file
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.02)
    raise RuntimeError("nginx does not answer: " + (folder / "error.log").read_text())


def start_relay(stack, build, port, delay_ms):
    relay = subprocess.Popen([str(build / "tests/bench/delay_relay"), str(port), str(delay_ms)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.callback(stop, relay)
    return int(relay.stdout.readline())


def start_emulator(stack, build, folder, machines, *options):
    """Returns the ready file's document. Without options there is no quota."""
    folder.mkdir()
    ready = folder / "ready.json"
    server = subprocess.Popen([str(build / "src/emulator/cordon-emulator"), "--ready-file", str(ready), "--tls-dir",
                               str(folder), "--machines", str(machines), *(options or ("--quota", UNLIMITED))],
                              stdout=subprocess.DEVNULL)
    stack.callback(stop, server)
    deadline = time.monotonic() + 60
    while not ready.exists() and server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return json.loads(ready.read_text())


def make_config(home, tenants, http):
    """A config file in a new directory, which also holds state directory, key and vault."""
    home.mkdir(mode=0o700)
    (home / "state").mkdir(mode=0o700)
    key = home / "vault.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32))
    config = {
        "state_dir": str(home / "state"),
        "vault": {"file": str(home / "state/credentials.cordon"), "unlock": [{"key_file": str(key)}]},
        "quota": UNLIMITED, "http": http, **tenants,
    }
    file = home / "config.json"
    file.write_text(json.dumps(config))
    return file


def one_tenant(server):
    """The member `tenants` of a config whose only tenant lives at `server`."""
    cloud = {"api": server, "login": server, "audience": "https://api.securitycenter.microsoft.com"}
    return {"tenants": {"bench": {
        "tenant_id": TENANT, "client_id": CLIENT, "cloud": cloud,
        "credential": {"kind": "client_secret", "secret_name": "bench"}}}}


def fetch_token(ready):
    form = urllib.parse.urlencode({
        "grant_type": "client_credentials", "client_id": ready["client_id"], "client_secret": ready["client_secret"],
        "scope": "https://api.securitycenter.microsoft.com/.default"}).encode()
    context = ssl.create_default_context(cafile=ready["ca_file"])
    url = f"{ready['url']}/{ready['tenant_id']}/oauth2/v2.0/token"
    return json.load(urllib.request.urlopen(url, form, context=context))["access_token"]


class Bench:
    def __init__(self, build, folder):
        self.build = build
        self.folder = folder
        self.programs = build / "tests/bench"
        self.library = build / "src/boundary/libcordon.so.1"
        self.rows = []
        self.failed = False

    def write_config(self, name, tenants, http, secret_name, secret):
        """A config file with a state directory and a vault of its own, the secret already stored."""
        file = make_config(self.folder / name, tenants, http)
        run(self.programs / "ours", self.library, file, "secret", secret_name, input=secret, text=True)
        return file

    def config_for(self, name, ready):
        """The client config that the emulator proposes, in a place of its own and without a quota."""
        proposed = ready["config"]
        tenants = {key: proposed[key] for key in ("tenant_defaults", "default_tenant", "tenants")}
        credential = proposed["tenants"][proposed["default_tenant"]]["credential"]
        return self.write_config(name, tenants, proposed["http"], credential["secret_name"], ready["client_secret"])

    def ours(self, config, *words):
        return [self.programs / "ours", self.library, config, *words]

    def compare(self, label, peer, ours, rounds, count):
        """Lets both take turns, the first of a pair changing each time."""
        for program in (peer, ours):
            program.batch(max(2, count // 4))
        taken = {peer: [], ours: []}
        for turn in range(rounds):
            for program in (peer, ours) if turn % 2 == 0 else (ours, peer):
                taken[program].append(program.batch(count))
        wall = [statistics.median(batch[0] for batch in taken[program]) for program in (peer, ours)]
        cpu = [statistics.median(batch[1] for batch in taken[program]) for program in (peer, ours)]
        self.row(label, wall[0], wall[1], cpu)

    def row(self, label, peer, ours, cpu=None):
        text = f"{label:<44}{peer:>11,.0f}{ours:>11,.0f}{ours - peer:>+10,.0f}{ours / peer:>8.2f}x"
        if cpu:
            text += f"{cpu[0]:>10,.0f}{cpu[1]:>9,.0f}{cpu[1] - cpu[0]:>+9,.0f}"
        print(text, flush=True)

    def fact(self, label, text):
        print(f"{label:<44}{text}", flush=True)

    def measure(self, label, function):
        try:
            with contextlib.ExitStack() as stack:
                function(stack)
        except (RuntimeError, OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
            self.failed = True
            self.fact(label, f"not measured: {problem}")

    # The rows.

    def reads(self, stack):
        folder = self.folder / "nginx"
        folder.mkdir()
        origin, ca_file = start_nginx(stack, folder)
        far = f"https://127.0.0.1:{start_relay(stack, self.build, origin.rsplit(':', 1)[1], 50)}"
        for label, server, rounds, count in (("read, warm", origin, 15, 200), ("read, warm, 50 ms away", far, 6, 8)):
            config = self.write_config(f"read{rounds}", one_tenant(server), {"ca_file": str(ca_file)}, "bench", "s3cret")
            with contextlib.ExitStack() as programs:
                peer = Program(programs, "peer_read", self.programs / "peer_read", f"{server}/api/machines/{MACHINE}",
                               ca_file, "bench." + "x" * 1400)
                ours = Program(programs, "ours", *self.ours(config, "read", MACHINE))
                self.compare(label, peer, ours, rounds, count)

    def machines_file(self, name, machines):
        file = self.folder / name
        file.write_text("".join(machine + "\n" for machine in machines))
        return file

    def actions(self, stack):
        ready = start_emulator(stack, self.build, self.folder / "emulator", 2000)
        machines = iter(ready["machines"])

        def some(name, count):
            return self.machines_file(name, [next(machines) for _ in range(count)])

        config = self.config_for("act", ready)
        token = fetch_token(ready)
        peer_command = [self.programs / "peer_action", ready["url"], token, ready["ca_file"]]
        with contextlib.ExitStack() as programs:
            peer = Program(programs, "peer_action", *peer_command, some("peer", 450), self.folder / "peer.journal")
            ours = Program(programs, "ours", *self.ours(config, "act", some("ours", 450)))
            self.compare("action, warm, one durable append", peer, ours, 10, 40)
        self.processes(config, peer_command, some)
        self.syncs(config, some)

    def processes(self, config, peer_command, some):
        """A fresh process each: start, one action, end. The token is at hand on both sides (ours: in the ledger)."""
        walls = ([], [])
        for turn in range(16):
            sides = (0, 1) if turn % 2 == 0 else (1, 0)
            for side in sides:
                machines = some(f"process{turn}-{side}", 1)
                command = [*peer_command, machines, self.folder / "peer.journal"] if side == 0 else self.ours(
                    config, "act", machines)
                start = time.perf_counter()
                run(*command, input="1\n", text=True, stdout=subprocess.DEVNULL)
                walls[side].append((time.perf_counter() - start) * 1e6)
        self.row("process: start, one action, end", statistics.median(walls[0]), statistics.median(walls[1]))

    def syncs(self, config, some):
        """fsync and fdatasync calls, the difference between a run of 41 actions and one of a single action."""
        counts = []
        for count in (1, 41):
            trace = self.folder / f"trace{count}"
            run("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", trace,
                *self.ours(config, "act", some(f"sync{count}", count)), input=f"{count}\n", text=True,
                stdout=subprocess.DEVNULL)
            counts.append(sum("sync(" in line for line in trace.read_text().splitlines()))
        self.fact("syncs per lone action", f"{(counts[1] - counts[0]) / 40:.2f}")

    def size(self, _):
        stripped = self.folder / "stripped.so"
        run("strip", "-o", stripped, self.library)
        self.fact("library, stripped", f"{stripped.stat().st_size / 2**20:.2f} MiB")

    def tenants(self, stack):
        """Memory in use with so many tenants of a directory, each with a token, less that with a single one."""
        counts = (1, 300, 3000)
        names = [f"tenant{i:05}" for i in range(max(counts))]
        scenario = self.folder / "tenants.scenario"
        scenario.write_text(json.dumps({
            "tenants": [{"name": name} for name in names],
            "apps": [{"name": name, "tenant": name, "client_secret": "s3cret"} for name in names]}))
        ready = start_emulator(stack, self.build, self.folder / "provider", 1, "--quota", UNLIMITED, "--scenario",
                               str(scenario))
        used = []
        for count in counts:
            directory = self.folder / f"tenants{count}.d"
            directory.mkdir(mode=0o755)
            for name in names[:count]:
                tenant = dict(ready["config"]["tenants"][name], credential={"kind": "client_secret",
                                                                            "secret_name": "provider"})
                (directory / f"{name}.json").write_text(json.dumps(tenant))
            members = {"tenant_defaults": ready["config"]["tenant_defaults"], "tenants_dir": str(directory)}
            config = self.write_config(f"tenants{count}", members, ready["config"]["http"], "provider", "s3cret")
            file = self.machines_file(f"tenants{count}.names", names[:count])
            done = run(*self.ours(config, "tenants", file), stdout=subprocess.PIPE, text=True, timeout=600)
            used.append(int(done.stdout))
            each = "" if count == 1 else f"   ({(used[-1] - used[0]) / (count - 1):.1f} KiB for each more)"
            self.fact(f"memory in use, {count:,} tenants with tokens", f"{used[-1] / 1024:.1f} MiB{each}")

    def memory(self, stack):
        sizes = (100, 1000, 10000)
        ready = start_emulator(stack, self.build, self.folder / "crowd", sum(sizes) + 100)
        machines = iter(ready["machines"])
        for count in sizes:
            config = self.config_for(f"pending{count}", ready)
            file = self.machines_file(f"pending{count}.ids", [next(machines) for _ in range(count)])
            start = time.monotonic()
            done = run(*self.ours(config, "pending", file, count), stdout=subprocess.PIPE, text=True, timeout=300)
            took = time.monotonic() - start
            self.fact(f"peak memory, {count:,} actions pending",
                      f"{int(done.stdout) / 1024:.1f} MiB   (all submitted and accepted in {took:.1f} s)")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}")
    print(f"{'µs per call':<44}{'C program':>11}{'Cordon':>11}{'more':>10}{'ratio':>9}"
          f"{'CPU: C':>10}{'Cordon':>9}{'more':>9}")
    with tempfile.TemporaryDirectory(prefix="cordon-bench-") as folder:
        bench = Bench(build, pathlib.Path(folder))
        bench.measure("read", bench.reads)
        bench.measure("action", bench.actions)
        bench.measure("library size", bench.size)
        bench.measure("memory", bench.memory)
        bench.measure("memory of tenants", bench.tenants)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
