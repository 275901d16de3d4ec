#!/usr/bin/env python3
"""The manual pages name every command, option and exit code that the programs have.

    manual_test.py <cordon> <cordon-emulator>
"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

CORDON, EMULATOR = sys.argv[1:3]
PAGES = Path(__file__).resolve().parents[2] / "cmake/man"


def told_by(program):
    return subprocess.run([program, "--help"], check=True, capture_output=True, text=True, timeout=60).stdout


def page(name):
    return (PAGES / name).read_text().replace("\\-", "-")


class Manual(unittest.TestCase):
    def test_cordon(self):
        options, _, rest = told_by(CORDON).partition("Subcommands:")
        commands, _, codes = rest.partition("Exit codes:")
        commands = re.findall(r"^  ([a-z]+) ", commands, flags=re.M)
        self.assertGreater(len(commands), 10)
        for word in commands + re.findall(r"--[a-z-]+", options):
            self.assertRegex(page("cordon.1.in"), rf"(?<![\w-]){word}(?![\w-])")
        for code in re.findall(r"^  (\d+) ", codes, flags=re.M):
            self.assertIn(f"\n.B {code}\n", page("cordon.1.in"))

    def test_emulator(self):
        options = re.findall(r"^  (?:-\w,)?(--[a-z-]+)", told_by(EMULATOR), flags=re.M)
        self.assertGreater(len(options), 10)
        for option in options:
            self.assertRegex(page("cordon-emulator.1.in"), rf"(?<![\w-]){option}(?![\w-])")


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main()
