#!/usr/bin/env python3
"""Builds the npm package cordon-<version>.tgz; the source tree stays as it is.

    pack.py <directory>      the package, and what it is built from, go there

Needs node and npm, and the npm registry the first time. Prints the package's path.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "README.md", "src")


def run(*command, cwd):
    # npm's own remarks go where they do not mix with the path.
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def main():
    target = Path(sys.argv[1]).absolute()
    work = target / "work"
    work.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_bytes()
    is_installed = (work / "installed").exists() and (work / "installed").read_bytes() == lock
    for name in SOURCES:
        source, copy = HERE / name, work / name
        if source.is_dir():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    if not is_installed:
        run("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", cwd=work)
        (work / "installed").write_bytes(lock)
    shutil.rmtree(work / "dist", ignore_errors=True)
    run("npm", "pack", "--silent", "--pack-destination", str(target), cwd=work)
    manifest = json.loads((work / "package.json").read_text())
    print(target / f"{manifest['name']}-{manifest['version']}.tgz")


if __name__ == "__main__":
    main()
