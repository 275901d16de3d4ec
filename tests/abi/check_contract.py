#!/usr/bin/env python3
"""Checks that the header, symbols.json, the version script, the built library, the table, the plugin manifest, the README
and what was released before say the same thing. One line per difference.

    check_contract.py <source root> <libcordon.so> [--write-symbols]
    check_contract.py <source root> --freeze VERSION      writes abi/baseline/VERSION for a release
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from abi_image import build_image, incompatibilities, write_baseline
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


def check_manifest(root, symbols):
    text = (root / "plugin_manifest/cordon.plugin.json").read_text()
    manifest = json.loads(text)
    version = symbols["abi_version"]
    expect_equal("manifest, abi", (manifest["abi"]["version"], manifest["abi"]["major"]), (version, version // 1_000_000))
    expect_equal("manifest, soname", manifest["library"]["soname"], symbols["soname"])
    expect_equal("manifest, header", (root / manifest["abi"]["header"]).is_file(), True)
    names = {s["name"] for s in symbols["symbols"]} | {c["name"] for c in symbols["constants"]}
    expect_equal("manifest, entry point", manifest["library"]["entry_point"] in names, True)
    mentioned = set(re.findall(r"\b(?:cordon_[a-z_]+|CORDON_E_[A-Z_]+)\b", text))
    expect_equal("manifest, names of the ABI", sorted(mentioned - names), [])


def check_baseline(folder, header):
    """What was released stays: same numbers, same signatures, same places in the table."""
    frozen = json.loads((folder / "symbols.json").read_text())
    now = describe(header)
    constants = {c["name"]: c["value"] for c in now["constants"]}
    symbols = {s["name"]: s for s in without_history(now["symbols"])}
    for constant in frozen["constants"]:
        expect_equal(f"{folder.name}, {constant['name']}", constants.get(constant["name"]), constant["value"])
    for symbol in without_history(frozen["symbols"]):
        expect_equal(f"{folder.name}, {symbol['name']}", symbols.get(symbol["name"]), symbol)
    table = [s["table_member"] for s in frozen["symbols"] if s["table_member"]]
    expect_equal(f"{folder.name}, table", [m["name"] for m in header["table"]][: len(table)], table)
    expect_equal(f"{folder.name}, SONAME", now["soname"], frozen["soname"])
    # The frozen header is the one that the frozen symbols describe.
    described = describe(read_header(folder / "cordon.h"))
    expect_equal(f"{folder.name}, cordon.h", without_history(described["symbols"]), without_history(frozen["symbols"]))


def check_abidiff(root, folder, symbols):
    """The same as libabigail sees it, types and offsets included."""
    table = [s for s in json.loads((folder / "symbols.json").read_text())["symbols"] if s["table_member"]]
    with tempfile.TemporaryDirectory() as scratch:
        try:
            image = build_image(root, symbols["soname"], Path(scratch) / "image.so", len(table))
        except subprocess.CalledProcessError as error:
            failures.append(f"{folder.name}, abidiff: the header does not compile:\n{error.stderr}")
            return
        found = incompatibilities(folder / "cordon.abi", image)
    if found is None:
        print("abidiff is not installed; the types were compared by their names only")
    elif found:
        failures.append(f"{folder.name}, abidiff:\n{found}")


def freeze(root, version, header, symbols):
    folder = root / "abi/baseline" / version
    folder.mkdir()
    for name in ("cordon.h", "symbols.json"):
        shutil.copyfile(root / "abi" / name, folder / name)
    with tempfile.TemporaryDirectory() as scratch:
        write_baseline(build_image(root, symbols["soname"], Path(scratch) / "image.so"), folder / "cordon.abi")


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
    if library == "--freeze":
        freeze(root, sys.argv[3], header, symbols)
        return 0
    expect_equal("the header was understood", len(header["functions"]) > 20 and len(header["constants"]) > 30, True)
    check_symbols(header, symbols)
    check_table(header)
    check_map(root, symbols)
    check_library(library, symbols)
    check_manifest(root, symbols)
    check_readme(root, symbols)
    for folder in sorted(path for path in (root / "abi/baseline").iterdir() if path.is_dir()):
        check_baseline(folder, header)
        check_abidiff(root, folder, symbols)
    for failure in failures:
        print("differs:", failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
