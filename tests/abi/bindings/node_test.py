#!/usr/bin/env python3
"""Packs the Node binding, installs the package as a user would, and runs its tests against the emulator.

    node_test.py <source root> <libcordon.so.1> <cordon-emulator> <scratch directory>

Exit: 0 passed, 1 failed, 77 skipped: Node 18 or later, npm, or the packages from its registry are not to be had.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from runner import Stage, after_npm, run, skip

TESTS_TIMEOUT_S = 1200


def main():
    root, library, emulator, scratch = (Path(argument).absolute() for argument in sys.argv[1:5])
    if not shutil.which("node") or not shutil.which("npm"):
        skip("node and npm are not installed")
    if int(run("node", "-p", "process.versions.node.split('.')[0]").stdout) < 18:
        skip("Node is older than 18")
    after_npm(run(sys.executable, root / "tests/abi/bindings/node_consumer.py", root, scratch, check=False))
    consumer = scratch / "consumer"
    compiler = scratch / "work/node_modules/typescript/bin/tsc"
    types = scratch / "work/node_modules/@types"
    run("node", compiler, "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--typeRoots", types,
        "--types", "node", "test/types.ts", cwd=consumer)
    with Stage(emulator, library) as stage:
        result = subprocess.run(["node", "--test", "test/all.test.mjs"], cwd=consumer, env=stage.environment, timeout=TESTS_TIMEOUT_S,
                                stdin=subprocess.DEVNULL)
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
