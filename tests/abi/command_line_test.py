#!/usr/bin/env python3
"""Runs the command line against a library whose client does what the first text of a call says (fake_client.cpp).

    command_line_test.py <cordon>
"""

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CORDON = ""
REQUEST_ID = "11111111-2222-4333-8444-555555555555"  # of fake_client.cpp


def run(*arguments, stdin=""):
    result = subprocess.run([CORDON, *arguments], input=stdin, text=True, errors="replace",
                            capture_output=True, timeout=60)  # fmt: skip
    return result.returncode, result.stdout, result.stderr


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = str(self.folder / "config.json")
        Path(self.config).write_text("{}")

    def command(self, *arguments, stdin=""):
        return run("--config", self.config, *arguments, stdin=stdin)

    def test_help_lists_the_exit_codes(self):
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        for word in ("CORDON_PENDING", "CORDON_E_OUTCOME_UNKNOWN", "130"):
            self.assertIn(word, out)

    def test_wrong_use_is_two(self):
        for arguments in ([], ["nonsense"], ["restrict"], ["restrict", "m"], ["poll", "x", "--wait", "-1"]):
            self.assertEqual(run(*arguments)[0], 2, arguments)
        self.assertEqual(self.command("restrict", "m", "--comment", "c", "--until", "later")[0], 2)
        self.assertEqual(self.command("restrict", "m", "--comment", "c", "--label", "nothing")[0], 2)

    def test_an_argument_that_is_no_utf8_is_named_but_for_paths(self):
        for arguments, name in (
            (["restrict", "m\udcff", "--comment", "c"], "MACHINE_ID"),
            (["restrict", "m", "--comment", "c", "--tenant", "\udcff"], "--tenant"),
            (["restrict", "m", "--comment", "c", "--label", "a=\udcff"], "--label"),
            (["poll", "x", "--tenant", "\udcff"], "--tenant"),
            (["preflight", "--operation", "\udcff"], "--operation"),
        ):
            code, _, err = self.command(*arguments)
            self.assertEqual((code, f"{name}: is not valid UTF-8" in err), (2, True), err)
        path = str(self.folder / "key\udcff")
        self.assertEqual(run("vault", "new-key", path)[0], 0)
        self.assertEqual(self.command("secret", "set", "n", "--from-file", path)[0], 0)

    def test_version_and_manifest_need_no_client(self):
        self.assertEqual(json.loads(run("version")[1]), {"version": "1.0.0", "abi_version": 1000000})
        self.assertEqual(json.loads(run("manifest")[1])["name"], "cordon")

    def test_restrict_passes_everything_on(self):
        code, out, err = self.command(
            "restrict", "m1", "--comment", "why", "--until", "finished", "--timeout", "1.5", "--label", "case=a=b",
            "--tenant", "t", "--dry-run",
        )  # fmt: skip
        self.assertEqual(code, 0)
        document = json.loads(out)
        self.assertEqual(document["function"], "restrict_code_execution")
        self.assertEqual(document["timeout_ms"], 1500)
        self.assertEqual(document["texts"][:2], ["m1", "why"])
        options = json.loads(document["texts"][2])
        self.assertEqual(options.pop("call_id"), "cordon-cli")
        expected = {"until": "finished", "labels": {"case": "a=b"}, "tenant": "t", "dry_run": True}
        self.assertEqual(options, expected)
        self.assertIn("CORDON_OK", err)

    def test_an_option_that_may_be_given_again_takes_one_value_at_a_time(self):
        code, out, err = self.command(
            "restrict", "--label", "case=1", "--label", "by=me", "m1", "--comment", "why"
        )  # fmt: skip
        self.assertEqual(code, 0, err)
        texts = json.loads(out)["texts"]
        self.assertEqual((texts[0], json.loads(texts[2])["labels"]), ("m1", {"case": "1", "by": "me"}))

    def test_quarantine_passes_the_hash_on(self):
        _, out, _ = self.command("quarantine", "m1", "abc", "--comment", "why")
        self.assertEqual(json.loads(out)["texts"][:3], ["m1", "abc", "why"])
        self.assertEqual(json.loads(out)["timeout_ms"], -1)

    def test_each_kind_of_status_has_its_exit_code(self):
        expected = {
            1: 3, 2: 4, 3: 4, 4: 4, 5: 4, 6: 5, 7: 6, 8: 7, 99: 1,
            -1: 1, -10: 130, -11: 9, -12: 8, -15: 1, -21: 10, -22: 10, -23: 9, -26: 1,
        }  # fmt: skip
        for status, code in expected.items():
            self.assertEqual(self.command("poll", f"status:{status}")[0], code, status)

    def test_an_error_of_unknown_outcome_has_the_exit_code_of_that(self):
        for order, name in (("throw:logic_error", "CORDON_E_INTERNAL"), ("throw:bad_alloc", "CORDON_E_OUT_OF_MEMORY")):
            code, out, _ = self.command("restrict", order, "--comment", "c")
            self.assertEqual((code, json.loads(out)["name"]), (8, name))
            self.assertTrue(json.loads(out)["outcome_unknown"])

    def test_an_error_is_json_on_stdout_and_a_line_on_stderr(self):
        code, out, err = self.command("call", "status:-23")
        self.assertEqual(code, 9)
        self.assertEqual(json.loads(out)["name"], "CORDON_E_RATE_LIMITED")
        self.assertEqual(len(err.splitlines()), 1)
        self.assertIn("CORDON_E_RATE_LIMITED", err)

    def test_a_request_may_come_from_standard_input(self):
        _, out, _ = self.command("call", "isolate", "-", stdin='{"machine_id":"m"}')
        self.assertEqual(json.loads(out)["texts"], ["isolate", '{"machine_id":"m"}'])

    def test_submit_has_recorded_and_not_done(self):
        code, out, err = self.command("submit", "isolate", "{}")
        self.assertEqual((code, json.loads(out)), (3, {"request_id": REQUEST_ID, "state": "queued"}))
        self.assertIn(f"recorded: CORDON_PENDING: queued (request {REQUEST_ID})", err)
        self.assertEqual(self.command("submit", "status:-22")[0], 10)

    def test_the_other_commands_reach_their_function(self):
        for arguments in (["health"], ["vault", "status"], ["withdraw", "x"], ["secret", "remove", "x"], ["events"]):
            self.assertEqual(self.command(*arguments)[0], 0, arguments)

    def test_a_missing_config_file_is_named(self):
        code, out, err = run("--config", str(self.folder / "none.json"), "health")
        self.assertEqual(code, 1)
        self.assertIn("none.json", err)
        self.assertIn("none.json", json.loads(out)["message"])

    def restrict_with(self, redirections):
        """What a restriction that has been sent tells through descriptors that a shell has redirected."""
        restrict = [CORDON, "--config", self.config, "restrict", "m", "--comment", "c"]
        result = subprocess.run(["sh", "-c", f'exec "$@" {redirections}', "sh", *restrict],
                                text=True, capture_output=True, timeout=60)  # fmt: skip
        return result.returncode, result.stdout, result.stderr

    def test_output_that_is_lost_is_an_error_and_the_line_still_names_the_request(self):
        for redirections, reason in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
            code, _, err = self.restrict_with(redirections)
            self.assertEqual(code, 1, err)
            self.assertIn(f"CORDON_OK: succeeded (request {REQUEST_ID})", err)
            self.assertIn(f"standard output can't be written: {reason}", err)

    def test_the_document_does_not_depend_on_the_line(self):
        for redirections in ("2>/dev/full", "2>&-"):
            code, out, _ = self.restrict_with(redirections)
            self.assertEqual((code, json.loads(out)["request_id"]), (0, REQUEST_ID))
        self.assertEqual(self.restrict_with(">/dev/full 2>&-")[0], 1)

    def test_a_secret_comes_from_standard_input_or_a_file_and_is_never_shown(self):
        file = self.folder / "secret"
        file.write_text("hunter2\n")
        for arguments, stdin in ((["secret", "set", "n"], "hunter2\n"),
                                 (["secret", "set", "n", "--from-file", str(file)], "")):  # fmt: skip
            code, out, err = self.command(*arguments, stdin=stdin)
            self.assertEqual(code, 0, err)
            self.assertNotIn("hunter2", out + err)
        self.assertEqual(self.command("secret", "set", "n", stdin="\n")[0], 1)
        self.assertEqual(self.command("secret", "set", "n", stdin="x" * 70000)[0], 1)

    def test_the_prompt_does_not_echo(self):
        code, shown = self.at_terminal(["secret", "set", "n"], "Secret n: ", b"hunter2\n")
        self.assertEqual(code, 0, shown)
        self.assertNotIn("hunter2", shown)

    def test_control_c_at_the_prompt_stores_nothing(self):
        code, shown = self.at_terminal(["secret", "set", "n"], "Secret n: ", b"hun\x03")
        self.assertEqual(code, 1)
        self.assertIn("given up", shown)

    def at_terminal(self, arguments, wait_for, keys):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(CORDON, [CORDON, "--config", self.config, *arguments])
        shown = ""
        while wait_for not in shown:
            shown += os.read(terminal, 1024).decode()
        os.write(terminal, keys)
        while True:
            try:
                piece = os.read(terminal, 1024).decode()
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown

    def test_a_new_key_is_private_random_and_never_overwrites(self):
        keys = set()
        for name in ("a", "b"):
            path = self.folder / name
            self.assertEqual(run("vault", "new-key", str(path))[0], 0)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertRegex(path.read_text(), r"\A[0-9a-f]{64}\Z")
            keys.add(path.read_text())
        self.assertEqual(len(keys), 2)
        before = (self.folder / "a").read_text()
        self.assertEqual(run("vault", "new-key", str(self.folder / "a"))[0], 1)
        self.assertEqual((self.folder / "a").read_text(), before)

    def test_control_c_ends_a_waiting_call_cleanly(self):
        for arguments, name in (
            (["poll", "announce"], "CORDON_E_INTERRUPTED"),
            (["call", "announce"], "CORDON_E_SHUTTING_DOWN"),  # carries no call id
        ):
            with subprocess.Popen(
                [CORDON, "--config", self.config, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as process:
                try:
                    self.assertEqual(process.stderr.readline(), "waiting\n")
                    process.send_signal(signal.SIGINT)
                    out, _ = process.communicate(timeout=30)
                finally:
                    process.kill()
                self.assertEqual(process.returncode, 130)
                self.assertEqual(json.loads(out)["name"], name)


if __name__ == "__main__":
    CORDON = sys.argv.pop(1)
    unittest.main()
