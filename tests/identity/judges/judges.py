"""What the tests with third parties share: their packages, installed once per build, and the ways to end."""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
sys.path.insert(0, str(HERE.parents[1] / "abi" / "bindings"))

from runner import after_npm, fail, run, skip  # noqa: E402

LEAST_NODE = 18


def install(scratch):
    """The directory with the programs and the packages they need, as package-lock.json says; ends the test as skipped
    when there is no Node, or the packages can't be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        skip("node and npm are not installed")
    if int(run("node", "-p", "process.versions.node.split('.')[0]").stdout) < LEAST_NODE:
        skip(f"Node is older than {LEAST_NODE}")
    scratch.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = scratch / "installed"
    if not stamp.exists() or stamp.read_bytes() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, scratch)
        after_npm(run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=scratch, check=False))
        stamp.write_bytes(lock)
    for program in HERE.glob("*.mjs"):
        shutil.copy(program, scratch)
    return scratch


def expect(condition, text):
    if not condition:
        fail(text)
    print(f"ok: {text.splitlines()[0]}")


__all__ = ["expect", "fail", "install", "run", "skip", "subprocess"]
