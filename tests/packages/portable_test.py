#!/usr/bin/env python3
"""What the portable archive needs of the machine it is unpacked on, and shows of itself.

    portable_test.py <portable .tar.gz> <loader>
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

ARCHIVE, LOADER = sys.argv[1:3]
ROOT = Path(__file__).resolve().parents[2]
LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# Debian 12 and Ubuntu 22.04 have it (of 2.35 it is _dl_find_object, for exceptions); raising it is a decision.
HIGHEST_GLIBC = (2, 35)


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


class Portable(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="cordon-portable-")
        cls.addClassCleanup(folder.cleanup)
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(folder.name)
        (cls.prefix,) = Path(folder.name).iterdir()
        cls.library = cls.prefix / "lib/libcordon.so.1.0.0"
        cls.programs = [cls.prefix / "bin/cordon", cls.prefix / "bin/cordon-emulator"]

    def needed(self, path):
        return set(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", path)))

    def test_nothing_but_libc_is_needed(self):
        self.assertLessEqual(self.needed(self.library), LIBC)
        self.assertIn("libc.so.6", self.needed(self.library))
        for program in self.programs:
            self.assertLessEqual(self.needed(program), LIBC | {"libcordon.so.1"}, program)

    def test_no_newer_glibc_is_needed_than_said(self):
        for path in (self.library, *self.programs):
            wanted = re.findall(r"\bGLIBC_(\d+)\.(\d+)", output("readelf", "-VW", path))
            highest = max((int(major), int(minor)) for major, minor in wanted)
            print(f"{path.name}: GLIBC_{highest[0]}.{highest[1]}")
            self.assertLessEqual(highest, HIGHEST_GLIBC, path)

    def test_only_the_abi_is_shown(self):
        symbols = json.loads((ROOT / "abi/symbols.json").read_text())["symbols"]
        shown = [line.split() for line in output("nm", "-D", "--defined-only", self.library).splitlines()]
        self.assertEqual(
            sorted(words[-1] for words in shown if words[-2] != "A"),
            sorted(f"{symbol['name']}@@{symbol['node']}" for symbol in symbols),
        )

    def test_nothing_is_searched_elsewhere(self):
        for path in (self.library, *self.programs):
            for searched in re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", output("readelf", "-dW", path)):
                self.assertEqual(searched, "$ORIGIN/../lib")

    def test_it_is_found_by_its_manifest_and_runs_where_it_was_unpacked(self):
        told = output(LOADER, self.prefix / "lib/cordon/cordon.plugin.json")
        self.assertIn(str(self.library), told)
        self.assertEqual(json.loads(output(self.prefix / "bin/cordon", "version"))["version"], "1.0.0")

    def test_its_licence_and_those_of_what_is_linked_into_it_are_in_it(self):
        self.assertEqual((self.prefix / "share/doc/cordon/LICENSE").read_text(), (ROOT / "LICENSE").read_text())
        copyrights = {path.name for path in (self.prefix / "share/doc/cordon/copyrights").iterdir()}
        self.assertLessEqual({"curl", "libssl-dev", "libsodium-dev", "libsqlite3-dev", "nlohmann-json3-dev"}, copyrights)


if __name__ == "__main__":
    del sys.argv[1:]
    os.umask(0o022)
    unittest.main()
