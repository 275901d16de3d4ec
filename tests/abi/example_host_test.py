#!/usr/bin/env python3
"""Runs examples/host.c against a library whose client says yes to everything (fake_client.cpp).

    example_host_test.py <host> <libcordon.so.1>
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HOST = LIBRARY = ""
REQUEST_ID = "11111111-2222-4333-8444-555555555555"


def run(*arguments):
    result = subprocess.run([HOST, LIBRARY, "-", *arguments], text=True, capture_output=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


class ExampleHost(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_wrong_use_is_two(self):
        self.assertEqual(run()[0], 2)
        self.assertEqual(run("contain", "m")[0], 2)

    def test_a_missing_library_is_told(self):
        result = subprocess.run([HOST, "/nowhere.so", "-", "refused", "m"], text=True, capture_output=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot load", result.stdout)

    def test_contain_joins_the_repeated_request_and_follows_to_the_end(self):
        code, out = run("contain", "m1", "abc")
        self.assertEqual(code, 0, out)
        self.assertIn("joined", out)
        self.assertIn(f"request id {REQUEST_ID}", out)
        self.assertIn("final: restrict app execution done on the device", out)

    def test_what_did_not_happen_is_never_called_done(self):
        for status in (2, 3, 4, 5, 6, 8, 99):
            state = self.folder / "state"
            state.write_text(f"status:{status}\n")
            code, out = run("resume", str(state))
            self.assertEqual(code, 3, out)
            self.assertNotIn("done on the device", out)

    def test_an_error_is_told_in_its_own_words(self):
        code, out = run("contain", "status:-23", "abc")
        self.assertIn("CORDON_E_RATE_LIMITED", out)
        self.assertNotEqual(code, 0)

    def test_start_notes_both_requests_and_resume_follows_them(self):
        state = self.folder / "state"
        with subprocess.Popen(
            [HOST, LIBRARY, "-", "start", "abc", "def", str(state)], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                while "waiting" not in (line := process.stdout.readline()):
                    self.assertTrue(line)
            finally:
                process.kill()
        self.assertEqual(state.read_text().split(), [REQUEST_ID, REQUEST_ID])
        code, out = run("resume", str(state))
        self.assertEqual(code, 0, out)
        self.assertEqual(out.count("final:"), 2)

    def test_the_secret_is_not_shown(self):
        file = self.folder / "secret"
        file.write_text("hunter2\n")
        code, out = run("secret", "name", str(file))
        self.assertEqual(code, 0, out)
        self.assertNotIn("hunter2", out)


if __name__ == "__main__":
    LIBRARY = sys.argv.pop(2)
    HOST = sys.argv.pop(1)
    unittest.main()
