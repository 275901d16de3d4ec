#!/usr/bin/env python3
"""The Debian packages as files: control data, symbols, and that packing again gives the same bytes.

    debian_test.py <release build directory>
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path(sys.argv[1]).resolve()
PACKAGES = {path.name.split("_")[0]: path for path in (BUILD / "packages").glob("*.deb")}


def output(*command, **how):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **how).stdout


def field(package, name):
    return output("dpkg-deb", "-f", PACKAGES[package], name).strip()


class Packages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cordon-debian-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_there_are_three(self):
        self.assertEqual(sorted(PACKAGES), ["cordon-emulator", "libcordon-dev", "libcordon1"])

    def test_depends_are_what_the_programs_ask_for(self):
        needed = {"libc6", "libcurl4", "libsodium23", "libsqlite3-0", "libssl3", "libstdc++6", "libgcc-s1"}
        self.assertLessEqual(needed, set(re.findall(r"([a-z0-9+.-]+) \(>= ", field("libcordon1", "Depends"))))
        self.assertIn("adduser", field("libcordon1", "Depends"))
        self.assertEqual(field("libcordon-dev", "Depends"), f"libcordon1 (= {field('libcordon1', 'Version')})")
        self.assertNotIn("libcordon", field("cordon-emulator", "Depends"))
        self.assertNotIn("libcurl", field("cordon-emulator", "Depends"))

    def test_symbols_are_those_of_the_library(self):
        root = self.folder / "libcordon1"
        subprocess.run(["dpkg-deb", "-R", PACKAGES["libcordon1"], root], check=True)
        (self.folder / "debian").mkdir()
        (self.folder / "debian/control").write_text(
            "Source: cordon\nMaintainer: x <x@x>\n\nPackage: libcordon1\nArchitecture: any\nDescription: x\n"
        )
        version = field("libcordon1", "Version")
        # 4: a symbol more, a symbol less or a library more, each is an error.
        output("dpkg-gensymbols", "-c4", "-plibcordon1", f"-P{root}", f"-v{version}", f"-I{root}/DEBIAN/symbols", "-O/dev/null",
               cwd=self.folder)  # fmt: skip
        self.assertEqual((root / "DEBIAN/shlibs").read_text(), "libcordon 1 libcordon1 (>= 1.0.0)\n")
        self.assertEqual((root / "DEBIAN/triggers").read_text(), "activate-noawait ldconfig\n")

    def test_scripts_end_at_the_first_error_and_are_plain_shell(self):
        root = self.folder / "scripts"
        subprocess.run(["dpkg-deb", "-e", PACKAGES["libcordon1"], root], check=True)
        for name in ("postinst", "postrm"):
            self.assertIn("\nset -e\n", (root / name).read_text())
            subprocess.run(["dash", "-n", root / name], check=True)

    def test_packing_again_gives_the_same_bytes(self):
        output("cpack", "-B", self.folder / "again", cwd=BUILD)
        for path in PACKAGES.values():
            again = self.folder / "again" / path.name
            self.assertEqual(hashlib.sha256(again.read_bytes()).digest(), hashlib.sha256(path.read_bytes()).digest(), path.name)


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main()
