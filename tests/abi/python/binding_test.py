#!/usr/bin/env python3
"""Tests the Python binding against a library whose client does what the first text of a call says (../fake_client.cpp).

    binding_test.py <source root> <libcordon.so.1 with the fake client>
"""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
import warnings
from pathlib import Path
from unittest import mock

ROOT, LIBRARY = Path(sys.argv.pop(1)).absolute(), sys.argv.pop(1)
PACKAGE = ROOT / "abi/python"
sys.path.insert(0, str(PACKAGE / "src"))

import cordon  # noqa: E402
from cordon import _waiting, client as client_module, errors, outcomes  # noqa: E402

TIMEOUT_S = 120


def open_client():
    return cordon.Client({}, library=LIBRARY)


def action(**members):
    required = {"request_id": "r", "action_id": None, "tenant": "t", "operation": "isolate", "machine_id": "m",
                "parameters": {}, "state": "pending", "status": None, "adopted": False}  # fmt: skip
    return cordon.Action(**required | members)


class Statuses(unittest.TestCase):
    def test_every_error_has_a_family_of_its_own(self):
        self.assertEqual(set(errors.FAMILIES), {status for status in cordon.Status if status < 0})
        self.assertNotIn(cordon.CordonError, errors.FAMILIES.values())

    def test_every_condition_of_an_action_has_a_class(self):
        conditions = {status for status in cordon.Status if status >= 0} - {cordon.Status.NO_EVENT}
        self.assertEqual(set(outcomes.CLASSES), conditions)

    def test_only_succeeded_is_success(self):
        self.assertIs(outcomes.CLASSES[cordon.Status.OK], cordon.Succeeded)
        self.assertIsInstance(outcomes.outcome_from(99, action()), cordon.Unrecognised)
        self.assertEqual(cordon.status_of(outcomes.outcome_from(99, action())), 99)

    def test_an_outcome_is_neither_true_nor_false(self):
        for made in (cordon.Pending(action()), cordon.Succeeded(action())):
            with self.assertRaisesRegex(TypeError, "match on its class"):
                bool(made)

    def test_an_error_carries_what_the_library_said(self):
        with open_client() as client, self.assertRaises(cordon.RateLimitedError) as caught:
            client.call("status:-23")
        error = caught.exception
        self.assertIsInstance(error, cordon.NothingSentError)
        self.assertEqual(error.status, cordon.Status.E_RATE_LIMITED)
        self.assertEqual((error.retry_after_ms, error.http_status, error.pointer), (1500, 429, "/options/until"))
        self.assertTrue(error.retryable)
        self.assertEqual(pickle.loads(pickle.dumps(error)).document, error.document)

    def test_an_error_of_a_newer_library_is_an_error(self):
        with open_client() as client, self.assertRaises(cordon.CordonError) as caught:
            client.call("status:-99")
        self.assertEqual(caught.exception.status, -99)

    def test_what_may_have_been_sent_is_unknown_whatever_the_status(self):
        with open_client() as client:
            for broken, status in (("logic_error", cordon.Status.E_INTERNAL), ("bad_alloc", cordon.Status.E_OUT_OF_MEMORY)):
                with self.assertRaises(cordon.OutcomeUnknown) as caught:
                    client.act(f"throw:{broken}")
                self.assertEqual(caught.exception.status, status)
            with self.assertRaises(cordon.InternalError):
                client.act("status:-1")

    def test_a_condition_of_a_call_that_reads_is_no_result(self):
        with open_client() as client, self.assertRaises(cordon.NotDone):
            client.call("status:1")

    def test_a_sign_in_that_waits_for_its_person_is_a_result(self):
        with open_client() as client, mock.patch.dict(client._library.kinds, {"status:1": "local", "status:2": "local"}):
            self.assertIsNotNone(client.call("status:1"))
            with self.assertRaises(cordon.NotDone):
                client.call("status:2")

    def test_a_condition_of_a_newer_library_is_no_success(self):
        def of_a_newer_library(*_):
            return 99

        with open_client() as client:
            for name, call in (
                ("withdraw", lambda: client.withdraw("r")),
                ("secret_set", lambda: client.secret_set("name", bytearray(b"hunter2"))),
                ("reload", lambda: client.reload({})),
                ("submit", lambda: client.submit("isolate")),
                ("vault_status", client.vault_status),
                ("next_event", client.next_event),
                ("event_fd", client.event_fd),
            ):
                with mock.patch.object(client._library, name, of_a_newer_library):
                    with self.subTest(name), self.assertRaises(cordon.NotDone) as caught:
                        call()
                self.assertEqual(caught.exception.status, 99)


class Arguments(unittest.TestCase):
    def test_texts_arrive_as_they_are(self):
        with open_client() as client:
            told = client.call("get_machine", {"machine_id": "ä隔"}, timeout=1.5, tenant="t")
        self.assertEqual(told["timeout_ms"], 1500)
        request = json.loads(told["texts"][1])
        self.assertRegex(request["options"].pop("call_id"), "^python-")
        self.assertEqual(request, {"machine_id": "ä隔", "options": {"tenant": "t"}})

    def test_a_nul_is_refused_and_not_cut_at(self):
        with open_client() as client:
            with self.assertRaisesRegex(ValueError, "comment holds a NUL"):
                client.restrict_code_execution("m", "harmless\0really")
            with self.assertRaisesRegex(ValueError, "request_id holds a NUL"):
                client.withdraw("a\0b")

    def test_seconds_become_milliseconds_and_never_more_or_less_than_meant(self):
        for seconds, expected in ((None, -1), (0, 0), (0.0001, 1), (1.5, 1500), (1e12, 2**31 - 1)):
            self.assertEqual(client_module.milliseconds(seconds), expected)
        with self.assertRaisesRegex(ValueError, "in the past"):
            client_module.milliseconds(-1)

    def test_what_acts_and_what_reads_cannot_be_mixed_up(self):
        with open_client() as client:
            with self.assertRaisesRegex(ValueError, "use act"):
                client.call("isolate", {})
            with self.assertRaisesRegex(ValueError, "use call"):
                client.act("get_machine", {})

    def test_a_missing_library_is_named(self):
        with self.assertRaisesRegex(cordon.LibraryError, "/nowhere.so"):
            cordon.Client({}, library="/nowhere.so")

    def test_a_config_may_be_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("{}")
            file.flush()
            cordon.Client(file.name, library=LIBRARY).close()


class Secrets(unittest.TestCase):
    def test_a_secret_is_wiped(self):
        secret = bytearray(b"hunter2")
        with open_client() as client:
            client.secret_set("name", secret)
        self.assertEqual(secret, bytearray(7))

    def test_a_secret_is_wiped_when_the_call_fails(self):
        secret = bytearray(b"hunter2")
        with open_client() as client, self.assertRaises(cordon.VaultError):
            client.secret_set("status:-26", secret)
        self.assertEqual(secret, bytearray(7))

    def test_a_secret_is_wiped_when_its_name_is_refused(self):
        with open_client() as client:
            for store in (client.secret_set, client.vault_unlock):
                secret = bytearray(b"hunter2")
                with self.assertRaisesRegex(ValueError, "holds a NUL"):
                    store("a\0b", secret)
                self.assertEqual(secret, bytearray(7))

    def test_what_cannot_be_wiped_is_refused(self):
        with open_client() as client:
            for secret in (b"hunter2", "hunter2", memoryview(b"hunter2")):
                with self.assertRaisesRegex(TypeError, "bytearray") as caught:
                    client.secret_set("name", secret)
                self.assertNotIn("hunter2", str(caught.exception))


class Life(unittest.TestCase):
    def test_a_closed_client_says_so(self):
        client = open_client()
        client.close()
        client.close()
        with self.assertRaises(cordon.UsageError) as caught:
            client.call("health")
        self.assertEqual(caught.exception.status, cordon.Status.E_INVALID_HANDLE)

    def test_a_client_that_was_not_closed_warns(self):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            client = open_client()
            del client
        self.assertIn("was not closed", str(said[-1].message))

    def test_a_forked_child_is_told_and_does_not_hang(self):
        with open_client() as client:
            client.call("health")  # the thread that makes calls exists in this process only
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                try:
                    client.call("health")
                except cordon.UsageError as error:
                    os._exit(0 if error.status == cordon.Status.E_FORKED else 1)
                os._exit(2)
            self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_threads_of_finished_calls_are_used_again(self):
        def threads():
            return len(os.listdir("/proc/self/task"))

        with open_client() as client:
            client.call("health")
            before = threads()
            for _ in range(50):
                client.call("health")
            self.assertEqual(threads(), before)


class Stop(Exception):
    """What a signal handler raises."""


class CtrlC(unittest.TestCase):
    """In processes of their own, for a signal is aimed at a process."""

    def child(self, code, *signals):
        prelude = f"import cordon, os, signal, sys\nclient = cordon.Client({{}}, library={LIBRARY!r})\n"
        with subprocess.Popen(
            [sys.executable, "-c", prelude + textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=os.environ | {"PYTHONPATH": str(PACKAGE / "src")},
        ) as process:  # fmt: skip
            try:
                self.assertEqual(process.stderr.readline(), "waiting\n")
                for number in signals:
                    process.send_signal(number)
                out, errors = process.communicate(timeout=TIMEOUT_S)
            finally:
                process.kill()
        self.assertEqual(process.returncode, 0, errors)
        return out

    def test_it_interrupts_the_call_and_notes_what_it_came_to(self):
        out = self.child("""
            try:
                client.poll_action("announce", wait=None, call_id="cordon-cli")
            except KeyboardInterrupt as stop:
                print(stop.__notes__)
            client.close()
        """, signal.SIGINT)  # fmt: skip
        self.assertIn("CORDON_E_INTERRUPTED", out)

    def test_a_handler_that_does_not_raise_ends_nothing(self):
        out = self.child("""
            signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
            try:
                client.poll_action("announce", wait=None, call_id="cordon-cli")
            except KeyboardInterrupt:
                print("interrupted")
            client.close()
        """, signal.SIGUSR1, signal.SIGINT)  # fmt: skip
        self.assertEqual(out.splitlines()[-1], "interrupted")

    def test_it_can_be_any_exception_of_a_handler(self):
        self.child("""
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            client.poll_action("announce", wait=None, call_id="cordon-cli")
        """, signal.SIGTERM)  # fmt: skip

    def test_one_that_comes_at_any_moment_leaves_nothing_behind(self):
        """A handler raises again and again between any two steps; the call is made once and its end awaited."""

        def raising(*_):
            raise Stop

        made = []
        before = signal.signal(signal.SIGALRM, raising)
        try:
            for microseconds in range(1, 200, 2):
                calls = []
                try:
                    signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
                    _waiting.interruptible(lambda: calls.append(1), None)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Stop:
                    pass
                self.assertLessEqual(len(calls), 1)
                made += calls
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.assertTrue(made)


class Stopped(unittest.TestCase):
    """A handler raises while the library makes something; it is made to its end, and then nobody is there to take it."""

    def setUp(self):
        self.raised = threading.Event()

        def raising(*_):
            self.raised.set()
            raise Stop

        before = signal.signal(signal.SIGALRM, raising)
        self.addCleanup(signal.signal, signal.SIGALRM, before)

    def stopped_in(self, name):
        """The signal comes when the function of this name has done its work and not yet returned."""
        library = cordon._library.load(LIBRARY)
        real = getattr(library, name)

        def stopped(*arguments):
            status = real(*arguments)
            os.kill(os.getpid(), signal.SIGALRM)
            self.raised.wait(60)
            return status

        return mock.patch.object(library, name, stopped)

    def test_a_client_is_closed_again(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(f"slow:{write_end}")
            file.flush()
            with self.stopped_in("init"), self.assertRaises(Stop):
                cordon.Client(file.name, library=LIBRARY)
        os.close(write_end)
        self.assertEqual(os.read(read_end, 8), b"oOsS")

    def test_a_descriptor_is_closed_again(self):
        with open_client() as client:
            before = os.listdir("/proc/self/fd")
            with self.stopped_in("event_fd"), self.assertRaises(Stop):
                client.event_fd()
            self.assertEqual(os.listdir("/proc/self/fd"), before)


class Package(unittest.TestCase):
    def test_it_is_typed(self):
        mypy = shutil.which("mypy")
        if mypy is None:
            self.skipTest("mypy is not installed")
        with tempfile.TemporaryDirectory() as cache:
            result = subprocess.run(
                [mypy, "--strict", "--enable-incomplete-feature=Unpack", "--cache-dir", cache, PACKAGE / "src/cordon"],
                capture_output=True, text=True, timeout=TIMEOUT_S,
            )  # fmt: skip
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_pip_installs_it_without_a_network(self):
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, timeout=TIMEOUT_S)
            if made.returncode != 0:
                self.skipTest("python3-venv is not installed")
            python = Path(folder) / "bin/python"
            source = Path(folder) / "source"
            shutil.copytree(PACKAGE, source)
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PIP_NO_INDEX": "1"}
            subprocess.run([python, "-m", "pip", "install", "-q", source], check=True, env=environment, timeout=TIMEOUT_S)
            said = subprocess.run([python, "-c", "import cordon; print(cordon.__file__)"], check=True, env=environment,
                                  capture_output=True, text=True, timeout=TIMEOUT_S).stdout  # fmt: skip
            self.assertIn("site-packages", said)
            self.assertTrue((Path(said.strip()).parent / "py.typed").exists())


if __name__ == "__main__":
    unittest.main()
