"""The languages of languages.json: is the toolchain there, where things lie, how they are built."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "support"))

from emulator import without_proxies  # noqa: E402

BUILD_TIMEOUT_S = 900


class Failure(Exception):
    """The program cannot go on; the text says why."""


class Skipped(Exception):
    """The language is not there; the text says what is missing."""


def first_line(command):
    """The first line a toolchain says about itself. Throws Skipped when it is not there."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        raise Skipped(f"{command[0]} is not installed") from None
    said = (result.stdout or result.stderr).strip()
    if result.returncode != 0:
        raise Skipped(f"'{' '.join(command)}' says: {said.splitlines()[-1] if said else result.returncode}")
    return said.splitlines()[0] if said else "present"


class Language:
    """An entry of languages.json with its places filled in. `version` is what the toolchain says of itself."""

    def __init__(self, entry, arguments):
        self.name = entry["language"]
        self.entry = entry
        self.arguments = arguments
        self.scratch = arguments.scratch / re.sub(r"\W+", "_", self.name.lower().replace("#", "sharp").replace("+", "p"))
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.places = {
            "root": str(arguments.root), "build": str(self.scratch), "library": str(arguments.library),
            "library_dir": str(arguments.library.parent), "python": sys.executable,
            "pkg_config_dir": str(self._write_pkg_config()),
        }  # fmt: skip
        self.environment = without_proxies() | {
            "LD_LIBRARY_PATH": self.places["library_dir"],
            **{name: value.format(**self.places) for name, value in entry.get("environment", {}).items()},
        }
        self.version = ""

    def _write_pkg_config(self):
        """The directory of a cordon.pc for the library as it lies in the build tree."""
        folder = self.scratch / "pkgconfig"
        folder.mkdir(exist_ok=True)
        (folder / "cordon.pc").write_text(
            "Name: cordon\nDescription: the library in the build tree\nVersion: 1.0.0\n"
            f'Cflags: "-I{self.arguments.root / "abi"}"\nLibs: "-L{self.arguments.library.parent}" -lcordon\n'
        )
        return folder

    def filled(self, words):
        return [word.format(**self.places) for word in words]

    def look(self):
        """Throws Skipped when the toolchain, or a package the language needs, is not there."""
        self.version = first_line(self.filled(self.entry["toolchain"]))
        for command in self.entry.get("needs", []):
            first_line(self.filled(command))

    def build(self, commands):
        for command in map(self.filled, commands):
            result = subprocess.run(
                command, cwd=self.arguments.root, env=self.environment, text=True, timeout=BUILD_TIMEOUT_S,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            if result.returncode != 0:
                raise Failure(f"'{' '.join(command)}' failed:\n{result.stdout[-4000:]}")


def parse_arguments(usage, **more):
    parser = argparse.ArgumentParser(description=usage.splitlines()[0])
    for name in ("root", "library", "emulator", "scratch"):
        parser.add_argument(name, type=lambda text: Path(text).absolute())
    parser.add_argument("--only", action="append", metavar="LANGUAGE")
    for name, required in more.items():
        parser.add_argument(f"--{name}", type=lambda text: Path(text).absolute(), required=required)
    return parser.parse_args()


def chosen_entries(arguments, always=None):
    entries = json.loads((HERE / "languages.json").read_text())
    if not arguments.only:
        return entries
    return [entry for entry in entries if entry["language"] in (*arguments.only, always)]
