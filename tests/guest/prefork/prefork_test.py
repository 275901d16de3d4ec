#!/usr/bin/env python3
"""Servers that fork their workers: gunicorn, multiprocessing and process pools as Celery has them, with real workers that
are killed in the middle of their work.

    prefork_test.py <source root> <libcordon.so.1> <cordon-emulator>

Exit: 77 when gunicorn is not installed and everything else passed.
"""

import collections
import concurrent.futures
import http.client
import json
import multiprocessing
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import uuid
from pathlib import Path

ROOT, LIBRARY, EMULATOR = Path(sys.argv[1]).absolute(), sys.argv[2], sys.argv[3]
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "abi/python/src"), str(ROOT / "tests/support")]

import cordon  # noqa: E402
from emulator import Emulator, without_proxies  # noqa: E402

TIMEOUT_S = 240
DEVICES = 24
KILLS = 5


def contain(config, machine_id):
    """What a task of a worker does that keeps nothing between its tasks."""
    with cordon.Client(config, library=LIBRARY) as client:
        return contain_with(client, machine_id)


def contain_with(client, machine_id):
    outcome = client.restrict_code_execution(machine_id, "prefork", until="finished", timeout=60)
    return cordon.status_of(outcome).name


def keep_client(config):
    """The initialiser of a worker that keeps its client for all its tasks, like Celery's worker_process_init."""
    global kept
    kept = cordon.Client(config, library=LIBRARY)


def contain_with_kept(machine_id):
    return contain_with(kept, machine_id)


def try_inherited(config):
    """In a child that has the parent's client as `kept`: what the library says of that one and of a new one."""
    said = []
    for attempt in (lambda: kept.call("health"), lambda: cordon.Client(config, library=LIBRARY)):
        try:
            attempt()
            said.append("nothing")
        except cordon.UsageError as error:
            said.append((error.status.name, error.message))
    kept.close()
    return said


class Prefork(unittest.TestCase):
    def setUp(self):
        self.emulator = Emulator(EMULATOR, "--speed", "60", "--machines", DEVICES + 10, "--quota", "100000/60s")
        self.addCleanup(self.emulator.close)
        self.config = self.make_config()
        self.machines = self.emulator.ready["machines"][:DEVICES]

    def make_config(self):
        """Of a vault in a file, for every worker opens it; the secret is stored already."""
        directory = self.emulator.directory
        key = directory / "vault.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
        config = self.emulator.client_config("state") | {"quota": "100000/60s"}
        config["vault"] = {"file": str(directory / "credentials.cordon"), "unlock": [{"key_file": str(key)}]}
        # In a process of its own: this one is to fork, and its library has had no client yet.
        store = (
            "import json, sys, cordon\n"
            "with cordon.Client(json.loads(sys.argv[1])) as client:\n"
            "    client.secret_set('emulator-app', bytearray(sys.stdin.buffer.read()))\n"
        )
        subprocess.run(
            [sys.executable, "-c", store, json.dumps(config)], input=self.emulator.ready["client_secret"].encode(),
            env=self.environment(), check=True, timeout=TIMEOUT_S,
        )  # fmt: skip
        return config

    def environment(self, **more):
        return without_proxies() | {"PYTHONPATH": str(ROOT / "abi/python/src"), "CORDON_LIBRARY": LIBRARY} | more

    def expect_each_contained_once(self, machines):
        actions = self.emulator.control("GET", "/emulator/actions")
        self.assertEqual(collections.Counter(action["machineId"] for action in actions), dict.fromkeys(machines, 1))
        self.assertEqual({action["status"] for action in actions}, {"Succeeded"})
        self.assertEqual(self.emulator.posts("/restrictCodeExecution"), len(machines))


class Pools(Prefork):
    def test_a_client_for_each_task_in_a_worker_for_each_task(self):
        for method, machines in (("fork", self.machines[:12]), ("spawn", self.machines[12:16])):
            with self.subTest(method), multiprocessing.get_context(method).Pool(3, maxtasksperchild=1) as pool:
                told = pool.starmap(contain, [(self.config, machine) for machine in machines], chunksize=1)
                self.assertEqual(told, ["OK"] * len(machines))
        self.expect_each_contained_once(self.machines[:16])

    def test_a_client_for_each_worker_whose_end_nobody_announces(self):
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(3, context, keep_client, (self.config,)) as pool:
            self.assertEqual(list(pool.map(contain_with_kept, self.machines)), ["OK"] * DEVICES)
        self.expect_each_contained_once(self.machines)

    def test_a_client_of_the_parent_is_refused_in_the_child_and_goes_on_in_the_parent(self):
        # In a process of its own: what is tested here spoils it for forking.
        script = (
            f"import sys; sys.argv[1:] = {[str(ROOT), LIBRARY, EMULATOR]!r}; sys.path.insert(0, {str(HERE)!r})\n"
            "import json, multiprocessing, threading\n"
            "import prefork_test as test\n"
            "config, machines = json.load(sys.stdin)\n"
            "test.keep_client(config)\n"
            "with test.kept:\n"
            "    working = [threading.Thread(target=test.contain_with_kept, args=(one,)) for one in machines[1:]]\n"
            "    for thread in working: thread.start()\n"
            "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
            "        said = [pool.apply_async(test.try_inherited, (config,)) for _ in range(4)]\n"
            "        said = [one.get(120) for one in said]\n"
            "    for thread in working: thread.join()\n"
            "    print(json.dumps([said, test.contain_with_kept(machines[0])]))\n"
        )
        ran = subprocess.run([sys.executable, "-c", script], input=json.dumps([self.config, self.machines[:6]]), text=True,
                             env=self.environment(), capture_output=True, timeout=TIMEOUT_S)  # fmt: skip
        self.assertEqual(ran.returncode, 0, ran.stderr)
        said, own = json.loads(ran.stdout)
        for of_inherited, of_new in said:
            for status, message in (of_inherited, of_new):
                self.assertEqual(status, "E_FORKED")
                self.assertIn("open clients behind the fork, in each worker", message)
        self.assertEqual(own, "OK")
        self.expect_each_contained_once(self.machines[:6])


class Gunicorn:
    """A running server; its workers may be killed."""

    def __init__(self, directory, environment, *arguments):
        self.socket = str(directory / "http")
        self.log = open(directory / "gunicorn.log", "w+")
        command = [sys.executable, "-m", "gunicorn", "--chdir", str(HERE), "--bind", f"unix:{self.socket}", "--preload",
                   "--worker-tmp-dir", str(directory), "--timeout", str(TIMEOUT_S), "--graceful-timeout", "30",
                   *arguments, "web_app:application"]  # fmt: skip
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)

    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")[-4000:]

    def workers(self):
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def post(self, path):
        """The answer's document; OSError or HTTPException when the worker went away."""
        connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT_S)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.sock.settimeout(TIMEOUT_S)
            connection.sock.connect(self.socket)
            connection.request("POST", path)
            answer = connection.getresponse()
            return json.loads(answer.read())
        finally:
            connection.close()

    def post_until_answered(self, path, deadline):
        """Asks again with the same request id whenever the worker has gone: the ledger knows what became of it."""
        while True:
            try:
                return self.post(path)
            except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"{error}; {self.said()}") from error
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(TIMEOUT_S)
        self.log.close()
        return self.process.returncode


class WebServer(Prefork):
    def serve(self, *arguments, **environment):
        config = self.emulator.directory / "config.json"
        config.write_text(json.dumps(self.config))
        server = Gunicorn(
            self.emulator.directory, self.environment(CORDON_CONFIG=str(config), **environment), *arguments
        )
        self.addCleanup(server.stop)
        return server

    def test_workers_that_are_killed_lose_nothing_and_repeat_nothing(self):
        server = self.serve("--workers", "3", "--worker-class", "gthread", "--threads", "4")
        deadline = time.monotonic() + TIMEOUT_S
        killed = []

        def kill_workers():
            while len(killed) < KILLS and time.monotonic() < deadline:
                before = self.emulator.posts()
                while self.emulator.posts() <= before and time.monotonic() < deadline and not done.is_set():
                    time.sleep(0.005)
                workers = server.workers()
                if done.is_set():
                    return
                if workers:
                    victim = workers[len(killed) % len(workers)]
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)

        done = threading.Event()
        killer = threading.Thread(target=kill_workers)
        killer.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                paths = [f"/{machine}/{uuid.uuid4()}" for machine in self.machines]
                answers = list(pool.map(lambda path: server.post_until_answered(path, deadline), paths))
        finally:
            done.set()
            killer.join()
        self.assertEqual([answer.get("message", "") for answer in answers], [""] * DEVICES)
        self.assertEqual({answer["status"] for answer in answers}, {"OK"})
        self.assertGreaterEqual(len(killed), 3)
        self.expect_each_contained_once(self.machines)

    def test_a_client_opened_before_the_fork_says_what_to_do(self):
        server = self.serve("--workers", "2", OPEN_IN_MASTER="yes")
        answer = server.post_until_answered(f"/{self.machines[0]}/{uuid.uuid4()}", time.monotonic() + TIMEOUT_S)
        self.assertEqual(answer["status"], "E_FORKED")
        self.assertIn("open clients behind the fork, in each worker", answer["message"])
        self.assertEqual(self.emulator.posts(), 0)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Pools)
    has_gunicorn = subprocess.run([sys.executable, "-c", "import gunicorn"], stderr=subprocess.DEVNULL).returncode == 0
    if has_gunicorn:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(WebServer))
    passed = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    if passed and not has_gunicorn:
        print(f"skipped: {sys.executable} has no gunicorn (Debian: python3-gunicorn)")
        sys.exit(77)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
