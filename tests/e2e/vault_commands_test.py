#!/usr/bin/env python3
"""The vault's life by the command line: made, described, rekeyed, backed up, restored.

    vault_commands_test.py <cordon>
"""

import datetime
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CORDON = sys.argv[1]
COST = ("--passes", "1", "--memory-mib", "64")


class VaultCommands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cordon-vault-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.vault, self.key = self.folder / "vault", self.folder / "vault.key"
        self.configure({"key_file": str(self.key)})
        self.good("vault", "new-key", str(self.key))

    def configure(self, *unlock, state="state"):
        vault = {"file": str(self.vault), "unlock": list(unlock)}
        config = {"state_dir": str(self.folder / state), "vault": vault, "recover": False}
        (self.folder / "config.json").write_text(json.dumps(config))

    def run_cordon(self, *arguments, stdin="", environment=None):
        command = [CORDON, "--config", self.folder / "config.json", *arguments]
        # A session of its own has no terminal, so nothing is asked.
        result = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=120,
                                start_new_session=True, env={**os.environ, **(environment or {})}, check=False)  # fmt: skip
        return result.returncode, json.loads(result.stdout) if result.stdout else None, result.stderr

    def good(self, *arguments, **how):
        code, document, errors = self.run_cordon(*arguments, **how)
        self.assertEqual(code, 0, f"{arguments}: {errors}")
        return document

    def bad(self, name, *arguments, **how):
        code, document, _ = self.run_cordon(*arguments, **how)
        self.assertEqual((code, document["name"]), (1, name), document)
        return document

    def status(self):
        return self.good("vault", "status")

    def file(self, name, text):
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def test_a_secret_that_ends_is_warned_of(self):
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=10)
        stamp = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.good("secret", "set", "app", "--purpose", "login", "--not-after", stamp, stdin="s3cret\n")
        status = self.status()
        self.assertEqual(status["secrets"][0]["not_after"], stamp)
        self.assertEqual(status["secrets"][0]["purpose"], "login")
        self.assertIn("secret_expires", [warning["kind"] for warning in status["warnings"]])
        health = self.good("health")["vault"]
        self.assertIn("secret_expires", [warning["kind"] for warning in health["warnings"]])
        self.good("secret", "describe", "app", "--not-after", "")
        self.assertIsNone(self.status()["secrets"][0]["not_after"])
        self.bad("CORDON_E_INVALID_ARGUMENT", "secret", "describe", "app", "--not-after", "2027-02-30T00:00:00Z")
        self.bad("CORDON_E_NOT_FOUND", "secret", "describe", "nobody", "--purpose", "x")

    def test_a_secret_whose_description_is_wrong_is_said_to_be_stored_or_not(self):
        code, _, errors = self.run_cordon("secret", "set", "app", "--not-after", "tomorrow", stdin="s3cret\n")
        self.assertEqual(code, 2)
        self.assertIn("--not-after: must be a time in UTC", errors)
        self.assertFalse(self.vault.exists())
        code, document, errors = self.run_cordon("secret", "set", "app", "--purpose", "x" * 257, stdin="s3cret\n")
        self.assertEqual((code, document["pointer"]), (1, "/purpose"))
        self.assertIn("the secret was stored; its description: CORDON_E_INVALID_ARGUMENT", errors)
        self.assertEqual([secret["name"] for secret in self.status()["secrets"]], ["app"])

    def test_keys_and_passphrases_come_and_go(self):
        self.good("secret", "set", "app", stdin="s3cret\n")
        first = self.status()["slots"][0]["id"]
        self.good("vault", "add-passphrase", *COST, "--from-file", self.file("old", "correct horse\n"))
        self.good("vault", "change-passphrase", *COST, "--from-file", self.file("new", "battery staple\n"))
        kinds = [slot["kind"] for slot in self.status()["slots"]]
        self.assertEqual(kinds, ["keyfile", "argon2id"])

        refused = self.bad("CORDON_E_INVALID_STATE", "vault", "rotate")
        self.assertEqual(refused["pointer"], "/drop_slots")
        self.good("vault", "rotate", "--drop-slot", self.status()["slots"][1]["id"])
        self.assertTrue(self.good("call", "ledger_check")["intact"])

        next_key = self.folder / "next.key"
        self.good("vault", "new-key", str(next_key))
        self.good("vault", "change-key", "--from-file", str(next_key))
        self.bad("CORDON_E_VAULT_WRONG_KEY", "vault", "status")
        self.configure({"key_file": str(next_key)})
        self.assertNotEqual(self.status()["slots"][0]["id"], first)
        self.good("vault", "add-key", "--from-file", str(self.key))
        self.good("vault", "remove-slot", self.status()["slots"][1]["id"])
        self.bad("CORDON_E_INVALID_STATE", "vault", "remove-slot", self.status()["slots"][0]["id"])
        self.assertTrue(self.good("call", "ledger_check")["intact"])

    def test_another_ledger_follows_a_rotation_that_it_did_not_see(self):
        self.good("secret", "set", "app", stdin="s3cret\n")
        self.configure({"key_file": str(self.key)}, state="other")
        self.good("secret", "set", "app", stdin="s3cret\n")
        self.configure({"key_file": str(self.key)})
        for _ in range(3):
            self.good("vault", "rotate")
        for state in ("other", "state", "other"):
            self.configure({"key_file": str(self.key)}, state=state)
            self.assertTrue(self.good("call", "ledger_check")["intact"])
            self.assertTrue(self.good("health")["ledger"]["has_key"])

    def test_a_backup_is_noticed_when_it_comes_back_and_can_be_accepted(self):
        self.good("secret", "set", "app", stdin="old\n")
        backup = self.folder / "backup"
        self.good("vault", "backup", str(backup))
        self.assertEqual(backup.stat().st_mode & 0o7777, 0o600)
        self.assertEqual(self.run_cordon("vault", "backup", str(backup))[0], 1, "it does not overwrite")
        self.good("secret", "set", "app", stdin="new\n")
        self.good("secret", "set", "other", stdin="new\n")

        shutil.copy(backup, self.vault)
        self.assertEqual(self.status()["state"], "rolled_back")
        self.assertIn("accept-restored", self.status()["problem"]["message"])
        refused = self.bad("CORDON_E_VAULT_CORRUPT", "secret", "set", "x", stdin="y\n")
        self.assertIn("generation 1 although 3 was seen", refused["message"])
        self.good("vault", "accept-restored")
        status = self.status()
        self.assertEqual((status["state"], status["generation"]), ("unlocked", 4))
        self.assertEqual([secret["name"] for secret in status["secrets"]], ["app"])
        self.assertTrue(self.good("call", "ledger_check")["intact"])

    def test_a_backup_from_before_a_rotation_opens_its_secrets_but_not_the_ledger(self):
        self.good("secret", "set", "app", stdin="old\n")
        backup = self.folder / "backup"
        self.good("vault", "backup", str(backup))
        self.good("vault", "rotate")
        shutil.copy(backup, self.vault)
        self.assertEqual(self.status()["state"], "rolled_back")
        code, document, _ = self.run_cordon("vault", "accept-restored")
        self.assertEqual((code, document["name"]), (1, "CORDON_E_VAULT_WRONG_KEY"))
        self.assertIn("before its store key was rotated", document["message"])
        self.configure({"key_file": str(self.key)}, state="new-state")
        self.assertEqual(self.status()["state"], "unlocked")

    def test_the_key_may_come_from_a_helper_a_credential_or_a_variable(self):
        self.good("secret", "set", "app", stdin="s3cret\n")
        hex_key = self.key.read_text()
        helper = self.folder / "helper"
        helper.write_text(f"#!/bin/sh\ncat {self.key}\n")
        helper.chmod(0o700)
        credentials = self.folder / "credentials"
        credentials.mkdir(mode=0o500)
        (credentials / "vault").write_text(hex_key)
        (credentials / "vault").chmod(0o400)
        for source, environment in (
            ({"exec": [str(helper)]}, {}),
            ({"systemd_credential": "vault"}, {"CREDENTIALS_DIRECTORY": str(credentials)}),
            ({"environment": "VAULT_KEY"}, {"VAULT_KEY": hex_key}),
        ):
            self.configure(source)
            code, status, errors = self.run_cordon("vault", "status", environment=environment)
            self.assertEqual((code, status["state"]), (0, "unlocked"), errors)
            weak = [warning for warning in status["warnings"] if warning["kind"] == "weak_key_source"]
            self.assertEqual(len(weak), 1 if "environment" in source else 0)
            self.assertNotIn(hex_key, json.dumps(status))

    def test_preflight_says_why_the_vault_does_not_open_and_what_to_do(self):
        self.good("secret", "set", "app", stdin="s3cret\n")
        away = self.key.rename(self.folder / "away")
        code, document, errors = self.run_cordon("preflight")
        self.assertEqual(code, 1)
        vault = next(check for check in document["checks"] if check["check"] == "vault")
        self.assertIn(f"the vault's key file {self.key} does not exist", vault["text"])
        self.assertIn(f"failed: vault: {vault['text']}; {vault['remedy']}\n", errors)
        away.rename(self.key)
        _, document, errors = self.run_cordon("preflight")
        self.assertEqual(next(check for check in document["checks"] if check["check"] == "vault")["result"], "ok")
        self.assertNotIn("failed: vault", errors)

    def at_terminal(self, arguments, answers):
        """Exit code and what the terminal showed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(CORDON, [CORDON, "--config", str(self.folder / "config.json"), *arguments])
        shown = b""
        for prompt, answer in answers:
            while not shown.endswith(prompt):
                piece = os.read(terminal, 1)
                self.assertTrue(piece, shown)
                shown += piece
            os.write(terminal, answer + b"\n")
        try:
            while piece := os.read(terminal, 4096):
                shown += piece
        except OSError:
            pass
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def test_a_prompt_asks_for_the_passphrase(self):
        self.configure({"prompt": True})
        secret = self.file("secret", "s3cret")
        new = [(b"New passphrase of the vault: ", b"hunter2"), (b"The same again: ", b"hunter2")]
        code, shown = self.at_terminal(["secret", "set", "app", "--from-file", secret], new)
        self.assertEqual(code, 0, shown)
        self.assertNotIn("hunter2", shown)
        self.assertEqual(self.status()["state"], "locked")
        code, shown = self.at_terminal(["vault", "status"], [(b"Passphrase of the vault: ", b"hunter2")])
        self.assertEqual(code, 0, shown)
        self.assertIn('"state":"unlocked"', shown)
        self.assertNotIn("hunter2", shown)

        older = self.vault.read_bytes()
        asked = [(b"Passphrase of the vault: ", b"hunter2")]
        code, shown = self.at_terminal(["secret", "set", "app", "--from-file", secret], asked)
        self.assertEqual(code, 0, shown)
        self.vault.write_bytes(older)
        code, shown = self.at_terminal(["secret", "remove", "app"], asked)
        self.assertEqual(code, 1, shown)
        self.assertIn("accept-restored", shown)
        code, shown = self.at_terminal(["vault", "accept-restored"], asked)
        self.assertEqual(code, 0, shown)
        code, shown = self.at_terminal(["secret", "remove", "app"], asked)
        self.assertEqual(code, 0, shown)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
