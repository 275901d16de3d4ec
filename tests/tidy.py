#!/usr/bin/env python3
"""Runs clang-tidy over what is compiled for src/ and examples/, each source only when it changed since it last passed.

usage: tidy.py CLANG_TIDY LINT_BUILD_DIR CACHE_DIR

A source counts as unchanged when its compile command, .clang-tidy, clang-tidy's version and the content of the file and
of every project header it includes are the same as when it last passed. Exit: 0 clean, 1 findings.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("src", "examples")


def included_files(command):
    """The source itself and the headers it includes, those of the system left out."""
    words = shlex.split(command["command"])
    if words and os.path.basename(words[0]) == "ccache":
        words = words[1:]
    if "-o" in words:
        at = words.index("-o")
        del words[at : at + 2]
    words = [word for word in words if word != "-c"] + ["-MM", "-MF", "-"]
    rule = subprocess.run(words, cwd=command["directory"], check=True, capture_output=True, text=True).stdout
    names = rule.split(":", 1)[1].replace("\\\n", " ").split()
    return [os.path.join(command["directory"], name) for name in names]


def fingerprint(command, files, tool):
    digest = hashlib.sha256()
    digest.update((tool + command["command"]).encode())
    for name in files:
        try:
            digest.update(name.encode() + pathlib.Path(name).read_bytes())
        except FileNotFoundError:
            digest.update(b"gone")
    return digest.hexdigest()


def lint(command, clang_tidy, tool, build_dir, cache_dir):
    """Returns (unchanged, findings)."""
    passed = cache_dir / (hashlib.sha256(command["file"].encode()).hexdigest()[:24] + ".json")
    try:
        record = json.loads(passed.read_text())
        if record["fingerprint"] == fingerprint(command, record["files"], tool):
            return True, ""
    except (OSError, ValueError, KeyError):
        pass
    run = subprocess.run([clang_tidy, "-p", build_dir, "--quiet", command["file"]], capture_output=True, text=True)
    if run.returncode != 0:
        return False, run.stdout + run.stderr
    files = included_files(command)
    passed.write_text(json.dumps({"fingerprint": fingerprint(command, files, tool), "files": files}))
    return False, ""


def main():
    clang_tidy, build_dir, cache_dir = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    cache_dir.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([clang_tidy, "--version"], check=True, capture_output=True, text=True).stdout
    tool = version + (ROOT / ".clang-tidy").read_text()
    with open(os.path.join(build_dir, "compile_commands.json"), encoding="utf-8") as text:
        commands = {entry["file"]: entry for entry in json.load(text)}
    # A unity source lies in the build directory; a text embedded as an array is none to lint.
    linted = [top / folder for top in (ROOT, pathlib.Path(build_dir).resolve()) for folder in FOLDERS]
    commands = [
        entry for name, entry in sorted(commands.items())
        if "/embedded/" not in name and any(folder in pathlib.Path(name).parents for folder in linted)
    ]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda entry: lint(entry, clang_tidy, tool, build_dir, cache_dir), commands))
    findings = [text for _, text in results if text]
    for text in findings:
        print(text)
    print(f"{len(commands)} sources, {sum(same for same, _ in results)} unchanged, {len(findings)} with findings")
    return 1 if findings or not commands else 0


if __name__ == "__main__":
    sys.exit(main())
