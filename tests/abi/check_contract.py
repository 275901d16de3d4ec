#!/usr/bin/env python3
"""Checks that the header, symbols.json, the version script, the built library, the README and the frozen baseline say the
same thing.

    check_contract.py <source root> <libcordon.so> [--write-symbols]
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from header_reader import read_header

NOT_IN_TABLE = {"cordon_abi_version", "cordon_get_api"}  # needed to reach the table
NODE = "CORDON_1.0"

failures = []


def expect_equal(what, left, right):
    if left == right:
        return
    if isinstance(left, list) and isinstance(right, list):
        left, right = [x for x in left if x not in right] or left, [x for x in right if x not in left] or right
    failures.append(f"{what}:\n    {left}\n    {right}")


def short(name):
    return None if name in NOT_IN_TABLE else name.removeprefix("cordon_")


def describe(header):
    """symbols.json as the header has it."""
    status = [c for c in header["constants"] if c["name"] != "CORDON_ABI_VERSION"]
    return {
        "abi_version": next(c["value"] for c in header["constants"] if c["name"] == "CORDON_ABI_VERSION"),
        "soname": "libcordon.so.1",
        "table": "cordon_api_v1",
        "constants": [
            c | {"kind": "success" if c["value"] == 0 else "condition" if c["value"] > 0 else "error"} for c in status
        ],
        "symbols": [
            {
                "name": f["name"],
                "since": "1.0.0",
                "node": NODE,
                "table_member": short(f["name"]),
                "returns": f["returns"],
                "params": f["params"],
            }
            for f in header["functions"]
        ],
    }


def without_history(symbols):
    """`since` and `node` are symbols.json's own knowledge."""
    return [{k: v for k, v in s.items() if k not in ("since", "node")} for s in symbols]


def check_symbols(header, symbols):
    described = describe(header)
    for key in ("abi_version", "soname", "table", "constants"):
        expect_equal(f"symbols.json, {key}", symbols[key], described[key])
    expect_equal("symbols.json, symbols", without_history(symbols["symbols"]), without_history(described["symbols"]))


def check_table(header):
    expect_equal("head of the table", header["table_head"], ["struct_size", "abi_version"])
    functions = [
        {"name": short(f["name"]), "returns": f["returns"], "params": f["params"]}
        for f in header["functions"]
        if short(f["name"])
    ]
    expect_equal("table and functions, order and signatures", header["table"], functions)


def check_map(root, symbols):
    text = re.sub(r"/\*.*?\*/", "", (root / "abi/cordon.map").read_text(), flags=re.S)
    nodes = {}
    for node, body in re.findall(r"(CORDON_[\d.]+)\s*\{(.*?)\}", text, flags=re.S):
        nodes[node] = re.findall(r"\b(cordon_\w+);", body)
    expected = {}
    for symbol in symbols["symbols"]:
        expected.setdefault(symbol["node"], []).append(symbol["name"])
    expect_equal("cordon.map", nodes, expected)
    expect_equal("cordon.map hides the rest", bool(re.search(r"local:\s*\*;", text)), True)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_library(library, symbols):
    exported = {}
    for line in run("nm", "-D", "--defined-only", library).splitlines():
        kind, name = line.split()[-2:]
        if kind != "A":  # the version nodes themselves
            exported[name] = kind
    expect_equal(
        "symbols exported by the library",
        sorted(exported.items()),
        sorted((f"{s['name']}@@{s['node']}", "T") for s in symbols["symbols"]),
    )
    dynamic = run("readelf", "-dW", library)
    expect_equal("SONAME", re.findall(r"Library soname: \[(.*)\]", dynamic), [symbols["soname"]])
    flags = " ".join(re.findall(r"\(FLAGS(?:_1)?\)(.*)", dynamic))
    for flag in ("NOW", "NODELETE"):
        expect_equal(f"dynamic flag {flag}", flag in flags, True)
    expect_equal("no text relocations", "TEXTREL" in dynamic, False)
    segments = run("readelf", "-lW", library)
    expect_equal("relro", "GNU_RELRO" in segments, True)
    expect_equal("stack not executable", re.findall(r"GNU_STACK.* (\S+) +0x", segments), ["RW"])


def check_baseline(root, header):
    """What was released stays: same numbers, same signatures, same places in the table."""
    for path in sorted((root / "abi/baseline").glob("*.json")):
        frozen = json.loads(path.read_text())
        now = describe(header)
        constants = {c["name"]: c["value"] for c in now["constants"]}
        symbols = {s["name"]: s for s in without_history(now["symbols"])}
        for constant in frozen["constants"]:
            expect_equal(f"{path.name}, {constant['name']}", constants.get(constant["name"]), constant["value"])
        for symbol in without_history(frozen["symbols"]):
            expect_equal(f"{path.name}, {symbol['name']}", symbols.get(symbol["name"]), symbol)
        table = [s["table_member"] for s in frozen["symbols"] if s["table_member"]]
        expect_equal(f"{path.name}, table", [m["name"] for m in header["table"]][: len(table)], table)


def check_readme(root, symbols):
    """Once the README has its chapter on the C ABI, it is complete."""
    readme = root / "README.md"
    if not readme.exists() or "cordon_get_api" not in (text := readme.read_text()):
        return
    words = set(re.findall(r"\w+", text))
    names = {s["name"] for s in symbols["symbols"]} | {c["name"] for c in symbols["constants"]}
    expect_equal("names of the ABI that the README lacks", sorted(names - words), [])


def main():
    root, library = Path(sys.argv[1]), sys.argv[2]
    header = read_header(root / "abi/cordon.h")
    path = root / "abi/symbols.json"
    if "--write-symbols" in sys.argv:
        path.write_text(json.dumps(describe(header), indent=1) + "\n")
    symbols = json.loads(path.read_text())
    expect_equal("the header was understood", len(header["functions"]) >= 28 and len(header["constants"]) >= 40, True)
    check_symbols(header, symbols)
    check_table(header)
    check_map(root, symbols)
    check_library(library, symbols)
    check_baseline(root, header)
    check_readme(root, symbols)
    for failure in failures:
        print("differs:", failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
