#!/usr/bin/env python3
"""Runs the example of each binding's README unchanged, and each language's host under examples/, against the emulator.

    examples.py <source root> <libcordon.so.1> <cordon-emulator> <scratch directory> --cordon <cordon> [--only LANGUAGE]...

README.md here says what an entry of languages.json has to have. Exit: 0 everything that ran did what it should, else 1.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "support"))

from emulator import Emulator  # noqa: E402
from languages import Failure, Language, Skipped, chosen_entries, parse_arguments  # noqa: E402

RUN_TIMEOUT_S = 300
DONE = 0
NOT_DONE = 3  # what a program ends with when something did not happen, or not yet


def first_block(readme, fence):
    """The first fenced block of that language."""
    found = re.search(rf"^```{re.escape(fence)}\n(.*?)^```$", readme.read_text(), flags=re.S | re.M)
    if found is None:
        raise Failure(f"{readme} has no block ```{fence}")
    return found[1]


class Stage:
    """An emulator, and a config file for it whose secret is stored: what a user has before the first line of code."""

    def __init__(self, arguments):
        self.emulator = Emulator(arguments.emulator, "--seed", "7", "--speed", "60")
        self.cast = self.emulator.ready["cast"]
        self.file = self.emulator.ready["files"][0]
        config = self.emulator.ready["config"]
        self.config = self.emulator.directory / "config.json"
        self.config.touch(0o600)
        self.config.write_text(json.dumps(config))
        secret_name = next(iter(config["tenants"].values()))["credential"]["secret_name"]
        subprocess.run(
            [arguments.cordon, "--config", self.config, "secret", "set", secret_name],
            input=self.emulator.ready["client_secret"], text=True, check=True, capture_output=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.emulator.close()

    def expect(self, language, command, device, code, posts):
        """Runs a program for a device of the cast; it has to end with `code`, and the service has to have seen `posts`
        POSTs for actions so far."""
        places = language.places | {"config": str(self.config), "machine": self.cast[device], "sha1": self.file}
        result = subprocess.run(
            [word.format(**places) for word in command], env=language.environment | {"CORDON_CONFIG": str(self.config)},
            text=True, timeout=RUN_TIMEOUT_S, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        seen = self.emulator.posts()
        if result.returncode != code or seen != posts:
            raise Failure(f"exit {result.returncode} after {seen} POSTs, expected {code} after {posts}:\n{result.stdout}")

    def states(self):
        return [action["status"] for action in self.emulator.control("GET", "/emulator/actions")]


def check_readme(language, example):
    source = Path(example["file"].format(**language.places))
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(first_block(language.arguments.root / example["readme"], example["fence"]))
    language.build(example.get("build", []))
    with Stage(language.arguments) as stage:
        stage.expect(language, example["run"], "online", DONE, posts=1)
        if stage.states() != ["Succeeded"]:
            raise Failure(f"the example ended with success and the service has {stage.states()}")
        stage.expect(language, example["run"], "fails", NOT_DONE, posts=2)


def check_host(language, host):
    language.build(host.get("build", []))
    with Stage(language.arguments) as stage:
        stage.expect(language, host["run"], "online", DONE, posts=2)
        if stage.states() != ["Succeeded", "Succeeded"]:
            raise Failure(f"the host ended with success and the service has {stage.states()}")
        stage.expect(language, host["run"], "fails", NOT_DONE, posts=4)


def check(language):
    """One line per part of a language: what it is, how it went, whether that is a failure."""
    parts = [(what, check) for what, check in (("example", check_readme), ("host", check_host)) if what in language.entry]
    for what, check_part in parts:
        try:
            language.look()
            check_part(language, language.entry[what])
            yield what, "passed", False
        except Skipped as reason:
            yield what, f"skipped: {reason}", False
        except (Failure, subprocess.SubprocessError) as failure:
            yield what, f"FAILED: {failure}", True


def main():
    arguments = parse_arguments(__doc__, cordon=True)
    failed = False
    for entry in chosen_entries(arguments):
        language = Language(entry, arguments)
        for what, told, is_failure in check(language):
            print(f"{language.name:8} {what:8} {told}", flush=True)
            failed |= is_failure
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
