#!/usr/bin/env python3
"""Packs the Node binding and installs the package as a user would, then puts programs beside it that import it.

    node_consumer.py <source root> <directory> [program]...

The programs lie in <directory>/consumer/programs afterwards, the binding's tests in <directory>/consumer/test.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

NPM_INSTALL = ("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error")


def digest_of(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "test" not in path.parts[-2:])
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def main():
    root, directory, *programs = (Path(argument).absolute() for argument in sys.argv[1:])
    consumer, stamp = directory / "consumer", directory / "consumer.digest"
    digest = digest_of(root / "abi/node")
    if not stamp.exists() or stamp.read_text() != digest:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(consumer, ignore_errors=True)
        consumer.mkdir(parents=True)
        (consumer / "package.json").write_text('{"name":"consumer","private":true,"type":"module"}\n')
        packed = subprocess.run([sys.executable, root / "abi/node/pack.py", directory], stdout=subprocess.PIPE, text=True)
        if packed.returncode != 0:
            sys.exit(packed.returncode)
        subprocess.run([*NPM_INSTALL, packed.stdout.split()[-1]], cwd=consumer, check=True, stdin=subprocess.DEVNULL)
        stamp.write_text(digest)
    shutil.rmtree(consumer / "test", ignore_errors=True)
    shutil.copytree(root / "abi/node/test", consumer / "test")
    (consumer / "programs").mkdir(exist_ok=True)
    for program in programs:
        shutil.copy(program, consumer / "programs")


if __name__ == "__main__":
    main()
