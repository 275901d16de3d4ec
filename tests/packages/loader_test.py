#!/usr/bin/env python3
"""Each check of plugin_manifest/README.md, by examples/loader.c over an installed tree that is spoilt in one way.

    loader_test.py <cmake> <build directory> <loader>

What needs files of another user is skipped unless it runs as root.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CMAKE, BUILD, LOADER = sys.argv[1:4]
NOBODY = 65534
AS_ROOT = os.geteuid() == 0


class Loader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="cordon-loader-")
        cls.addClassCleanup(folder.cleanup)
        cls.installed = Path(folder.name) / "installed"
        subprocess.run([CMAKE, "--install", BUILD, "--component", "runtime", "--prefix", cls.installed],
                       check=True, capture_output=True)  # fmt: skip

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cordon-loader-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.prefix = self.folder / "a" / "b"
        self.prefix.parent.mkdir()
        shutil.copytree(self.installed, self.prefix, symlinks=True)
        self.manifest = next(self.prefix.rglob("cordon.plugin.json"))
        self.library = self.manifest.parent.parent / "libcordon.so.1.0.0"

    def load(self, *arguments, environment=None, program=LOADER, **how):
        kept = {name: value for name, value in os.environ.items() if name != "CORDON_MANIFEST"}
        result = subprocess.run([program, *map(str, arguments)], text=True, capture_output=True, timeout=120,
                                env={**kept, **(environment or {})}, check=False, **how)  # fmt: skip
        return result.returncode, result.stdout, result.stderr

    def assert_loads(self, *arguments, **how):
        code, out, errors = self.load(*(arguments or (self.manifest,)), **how)
        self.assertEqual((code, errors), (0, ""))
        self.assertIn(str(self.library), out)
        self.assertIn("cordon 1.", out)

    def assert_refused(self, *words, arguments=None, **how):
        """Refused, in one line that has these words; nothing was loaded."""
        code, out, errors = self.load(*((self.manifest,) if arguments is None else arguments), **how)
        self.assertEqual((code, out), (1, ""), errors)
        self.assertRegex(errors, r"\Aloader: refused: [^\n]*\n\Z")
        for word in words:
            self.assertIn(str(word), errors)

    def copy_for_others(self, folder, mode):
        """The loader where another user can start it."""
        program = folder / "loader"
        shutil.copyfile(LOADER, program)
        program.chmod(mode)
        self.folder.chmod(0o755)
        return program

    def change(self, **members):
        document = json.loads(self.manifest.read_text())
        document["library"].update(members)
        document["library"] = {name: value for name, value in document["library"].items() if value is not None}
        self.manifest.write_text(json.dumps(document))

    # ---- finding ----

    def test_an_installed_tree_loads(self):
        self.assert_loads()

    def test_the_installed_manifest_is_the_librarys_own_but_for_file_and_hash(self):
        installed = json.loads(self.manifest.read_text())
        self.assertEqual(installed["library"].pop("file"), "../libcordon.so.1.0.0")
        self.assertRegex(installed["library"].pop("sha256"), r"\A[0-9a-f]{64}\Z")
        own = subprocess.run([self.prefix / "bin/cordon", "manifest"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(installed, json.loads(own))

    def test_the_argument_goes_before_the_environment(self):
        self.assert_loads(environment={"CORDON_MANIFEST": "/nowhere/cordon.plugin.json"})

    def test_the_environment_names_the_manifest(self):
        self.assertEqual(self.load(environment={"CORDON_MANIFEST": str(self.manifest)})[0], 0)

    def test_a_refused_manifest_ends_the_search(self):
        self.assert_refused("/nowhere", arguments=(), environment={"CORDON_MANIFEST": "/nowhere/cordon.plugin.json"})

    @unittest.skipUnless(AS_ROOT, "a set-user-id program of another user needs root")
    def test_a_program_with_more_rights_than_its_caller_does_not_ask_the_environment(self):
        program = self.copy_for_others(self.prefix, 0o4755)
        environment = {"CORDON_MANIFEST": "/nowhere/cordon.plugin.json"}
        _, _, errors = self.load(program=program, environment=environment, user=NOBODY)
        self.assertNotIn("/nowhere", errors)
        program.chmod(0o755)
        _, _, errors = self.load(program=program, environment=environment, user=NOBODY)
        self.assertIn("/nowhere", errors)

    def test_a_relative_path_is_refused(self):
        self.assert_refused("not an absolute path", arguments=(os.path.relpath(self.manifest),))

    def test_parts_that_lead_elsewhere_are_refused(self):
        for part in ("..", ".", ""):
            self.assert_refused("empty, . or ..", arguments=(f"{self.manifest.parent}/{part}/{self.manifest.name}",))

    # ---- modes ----

    def test_whatever_others_can_write_to_is_refused(self):
        for path in (self.prefix.parent, self.prefix, self.manifest.parent, self.manifest, self.library.parent, self.library):
            for bits, who in ((0o002, "everybody"), (0o020, "its group")):
                mode = path.stat().st_mode & 0o7777
                path.chmod(mode | bits)
                self.assert_refused(f"{path} can be written to by {who}", "chmod go-w")
                path.chmod(mode)
        self.assert_loads()

    def test_a_sticky_folder_is_passed_through_but_holds_nothing(self):
        self.prefix.parent.chmod(0o1777)
        self.assert_loads()
        self.manifest.parent.chmod(0o1777)
        self.assert_refused(self.manifest, "in a folder that everybody can write to")

    # ---- owners ----

    @unittest.skipUnless(AS_ROOT, "giving a file away needs root")
    def test_whatever_belongs_to_another_is_refused(self):
        for path in (self.prefix, self.manifest.parent, self.manifest, self.library.parent, self.library):
            os.chown(path, NOBODY, NOBODY)
            self.assert_refused(f"{path} belongs to user {NOBODY}")
            os.chown(path, 0, 0)
        self.assert_loads()

    @unittest.skipUnless(AS_ROOT, "becoming another user needs root")
    def test_a_user_may_have_a_tree_of_its_own_and_use_roots(self):
        program = self.copy_for_others(self.folder, 0o755)
        self.assert_loads(program=program, user=NOBODY)
        os.chown(self.library, NOBODY, NOBODY)
        self.assert_loads(program=program, user=NOBODY)

    # ---- links and other files ----

    def test_symbolic_links_are_refused_wherever_they_lead(self):
        for path in (self.prefix, self.manifest.parent, self.manifest, self.library):
            away = path.with_name(path.name + ".real")
            path.rename(away)
            path.symlink_to(away.name)
            self.assert_refused(f"{path} is a symbolic link")
            path.unlink()
            away.rename(path)
        self.change(file="../libcordon.so.1")
        self.assert_refused("libcordon.so.1 is a symbolic link")

    def test_what_is_no_file_is_refused_without_waiting_for_it(self):
        self.library.unlink()
        self.assert_refused(self.library, "No such file")
        os.mkfifo(self.library, 0o600)
        self.assert_refused(f"{self.library} is not a regular file")
        self.library.unlink()
        self.library.mkdir()
        self.assert_refused(f"{self.library} is not a regular file")
        self.assert_refused(f"{self.manifest} is not a folder", arguments=(self.manifest / "more",))

    # ---- content ----

    def test_a_changed_library_is_refused(self):
        with open(self.library, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        self.assert_refused(f"{self.library} has the SHA-256", "the manifest says")

    def test_a_renewed_hash_is_taken(self):
        self.library.write_bytes(self.library.read_bytes() + b"signature")
        self.assert_refused("has the SHA-256")
        subprocess.run([CMAKE, f"-DMANIFEST={self.manifest}", f"-DLIBRARY={self.library}", f"-DOUT={self.manifest}", "-P",
                        Path(__file__).resolve().parents[2] / "cmake/seal_manifest.cmake"], check=True)  # fmt: skip
        self.assert_loads()

    def test_the_file_that_was_checked_is_loaded_whatever_lies_there_then(self):
        trace = ["strace", "-f", "-qq", "-e", "trace=openat,open", LOADER, str(self.manifest)]
        if shutil.which("strace") is None:
            self.skipTest("strace is not installed")
        seen = subprocess.run(trace, capture_output=True, text=True, check=True).stderr.splitlines()
        self.assertEqual([line for line in seen if str(self.library) in line], [], "the library was opened by its path")
        self.assertTrue(any("/proc/self/fd/" in line for line in seen))

    def test_a_manifest_without_file_or_hash_is_refused(self):
        for name in ("file", "sha256", "entry_point"):
            before = self.manifest.read_text()
            self.change(**{name: None})
            self.assert_refused(self.manifest, f"library.{name}")
            self.manifest.write_text(before)

    def test_a_manifest_of_another_major_version_is_refused(self):
        document = json.loads(self.manifest.read_text())
        document["abi"]["major"] = 2
        self.manifest.write_text(json.dumps(document))
        self.assert_refused(self.manifest, "abi.major")

    def test_a_manifest_that_does_not_end_is_refused(self):
        with open(self.manifest, "a") as file:
            file.write(" " * 2_000_000)
        self.assert_refused(self.manifest, "larger than")

    def test_garbage_is_refused(self):
        for text in ("", "{", '{"library', '{"library":{"file":"', "[]", "null", '"' * 100, "{" * 10000):
            self.manifest.write_text(text)
            self.assert_refused(self.manifest)

    def test_a_path_that_leads_out_is_walked_like_any_other(self):
        self.change(file="/etc/passwd")
        self.assert_refused("library.file")
        self.change(file=os.path.relpath("/etc/passwd", self.manifest.parent))
        self.assert_refused("/etc/passwd has the SHA-256")
        self.change(file="../" * 40 + "etc/passwd")
        self.assert_refused("empty, . or ..")
        (self.manifest.parent / "x").mkdir()
        self.change(file="x/../../libcordon.so.1.0.0")
        self.assert_refused("empty, . or ..")


if __name__ == "__main__":
    del sys.argv[1:]
    os.umask(0o022)
    unittest.main()
