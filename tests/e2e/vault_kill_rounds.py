#!/usr/bin/env python3
"""Four processes that share a vault and a ledger are killed in the middle of saves and rekeys, round after round.

    vault_kill_rounds.py <vault_worker> <cordon> [ROUNDS]

After each round the vault must open (by the independent reader, tests/vault/vault_reader.py), hold every value that was
acknowledged, or a newer one, and open together with a ledger whose chain is whole. The suite runs a few rounds; run 500
by hand:

    /usr/bin/python3 tests/e2e/vault_kill_rounds.py build/dev/tests/e2e/vault_worker build/dev/src/cli/cordon 500
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "vault"))
import vault_reader  # noqa: E402

WORKERS = ("north", "east", "south", "west")
KEY = b"k" * 32


class Rounds:
    def __init__(self, worker, cordon, folder):
        self.worker, self.cordon, self.folder = worker, cordon, Path(folder)
        self.vault, self.config = self.folder / "vault", self.folder / "config.json"
        key = self.folder / "vault.key"
        key.write_bytes(KEY)
        key.chmod(0o400)
        config = {
            "state_dir": str(self.folder / "state"),
            "vault": {"file": str(self.vault), "unlock": [{"key_file": str(key)}]},
            "recover": False,
        }
        self.config.write_text(json.dumps(config))
        subprocess.run([cordon, "--config", self.config, "secret", "set", "first"], input=b"value", check=True,
                       capture_output=True)  # fmt: skip

    def acknowledged(self, name):
        """The last counter whose line is whole; 0 if there is none."""
        file = self.folder / f"{name}.done"
        whole = file.read_text().split("\n")[:-1] if file.exists() else []
        return int(whole[-1]) if whole else 0

    def run_round(self, chance):
        before = {name: self.acknowledged(name) for name in WORKERS}
        running = [
            subprocess.Popen([self.worker, self.config, name, str(before[name] + 1), self.folder / f"{name}.done"],
                             stderr=subprocess.PIPE)
            for name in WORKERS
        ]  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while any(self.acknowledged(name) == before[name] for name in WORKERS):
                ended = [process for process in running if process.poll() is not None]
                assert not ended, ended[0].stderr.read().decode()
                assert time.monotonic() < deadline, "the workers do not get on"
                time.sleep(0.01)
            time.sleep(chance.random() * 0.2)
            chance.shuffle(running)
            ended = [process for process in running if process.poll() is not None]
            assert not ended, ended[0].stderr.read().decode()
        finally:
            for process in running:
                process.kill()
                time.sleep(chance.random() * 0.02)
            for process in running:
                process.wait()
                process.stderr.close()
        return sum(self.acknowledged(name) - before[name] for name in WORKERS)

    def check(self):
        secrets = vault_reader.open_vault(self.vault.read_bytes(), "key", KEY)
        assert secrets["first"] == b"value"
        for name in WORKERS:
            assert int(secrets[name]) >= self.acknowledged(name), f"{name}: an acknowledged secret is lost"
        command = [self.cordon, "--config", self.config, "call", "ledger_check"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert answer.returncode == 0 and json.loads(answer.stdout)["intact"] is True, answer.stdout + answer.stderr


def main():
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    chance = random.Random()
    with tempfile.TemporaryDirectory(prefix="cordon-kill-") as folder:
        test = Rounds(sys.argv[1], sys.argv[2], folder)
        saves = 0
        for number in range(1, rounds + 1):
            saves += test.run_round(chance)
            test.check()
            if number % 50 == 0:
                print(f"{number} rounds, {saves} secrets acknowledged, none lost", flush=True)
        generation = vault_reader.Vault(test.vault.read_bytes()).generation
    print(f"{rounds} rounds of kill -9: {saves} secrets acknowledged, none lost; {generation} saves of the vault")


if __name__ == "__main__":
    main()
