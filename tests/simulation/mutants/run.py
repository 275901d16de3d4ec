"""Shows that the simulation bites: plants one mistake at a time into a copy of the product and looks for a seed that
catches it.

    python3 tests/simulation/mutants/run.py [--seeds N] [--jobs N] [NAME...]
    python3 tests/simulation/mutants/run.py --fit      only whether each still fits the code; builds nothing

A mutant is a file NAME.mutant beside this one: lines of prose, then `file: PATH`, then the exact text to be replaced
between `<<<<` and `====`, and its replacement up to `>>>>`; several replacements may follow each other. The copy and
its build lie under build/mutants. Exit: 0 every mutant was caught, 1 one was not (or does not fit the code any more).
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
WORK = ROOT / "build" / "mutants"
TREE = WORK / "tree"
BUILD = WORK / "build"
PROGRAM = BUILD / "tests" / "simulation" / "cordon_simulation"


class Mutant:
    def __init__(self, path):
        text = path.read_text()
        self.name = path.stem
        self.prose = text.split("\nfile: ")[0].strip()
        self.edits = []
        for part in re.split(r"^file: ", text, flags=re.M)[1:]:
            file, rest = part.split("\n", 1)
            for old, new in re.findall(r"^<<<<\n(.*?)^====\n(.*?)^>>>>$", rest, flags=re.M | re.S):
                self.edits.append((file.strip(), old, new))
        if not self.edits:
            raise SystemExit(f"{path}: no replacement found")

    def planted(self, tree=TREE):
        """The changed files: path -> text. A SystemExit when the text is not there exactly once."""
        files = {}
        for file, old, new in self.edits:
            text = files.get(file, (tree / file).read_text())
            if text.count(old) != 1:
                raise SystemExit(f"{self.name}: the text to be replaced is {text.count(old)} times in {file}")
            files[file] = text.replace(old, new)
        return files


def tracked():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if out.returncode == 0:
        return [line for line in out.stdout.splitlines() if (ROOT / line).is_file()]
    skipped = {"build", ".git"}
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
            if path.is_file() and path.relative_to(ROOT).parts[0] not in skipped]


def put(file, content):
    """Writes only what differs, so that nothing else is built again."""
    target = TREE / file
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def copy_tree():
    files = tracked()
    for file in files:
        put(file, (ROOT / file).read_bytes())
    wanted = set(files)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in wanted:
            path.unlink()


def build():
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "release", "-B", BUILD], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["cmake", "--build", BUILD, "--target", "cordon_simulation"], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout[-4000:]


def first_broken(seeds, jobs):
    """(seed, what was broken), or None."""
    command = [PROGRAM, "--count", str(seeds), "--jobs", str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    found = re.findall(r"^seed (\d+): broken: (.*)$", done.stdout, flags=re.M)
    if found:
        return found[-1]
    if done.returncode != 0:
        return ("-", done.stdout.strip()[-300:] or f"exit {done.returncode}")
    return None


def misfits(mutants):
    found = []
    for mutant in mutants:
        try:
            mutant.planted(ROOT)
        except SystemExit as misfit:
            found.append(str(misfit))
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--seeds", type=int, default=20000)
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments.add_argument("--fit", action="store_true")
    arguments.add_argument("names", nargs="*")
    settings = arguments.parse_args()
    mutants = [Mutant(path) for path in sorted(HERE.glob("*.mutant"))]
    mutants = [mutant for mutant in mutants if not settings.names or mutant.name in settings.names]
    if settings.fit:
        found = misfits(mutants)
        print("\n".join(found) or f"{len(mutants)} mutants fit the code")
        return 1 if found else 0

    copy_tree()
    if problem := build():
        print(problem)
        return 1
    if broken := first_broken(settings.seeds, settings.jobs):
        print(f"the product itself fails: seed {broken[0]}: {broken[1]}")
        return 1
    print(f"{'as it is':<28} {settings.seeds} seeds, every promise kept", flush=True)

    survived = 0
    for mutant in mutants:
        try:
            planted = mutant.planted()
        except SystemExit as misfit:
            print(f"{mutant.name:<28} DOES NOT FIT: {misfit}", flush=True)
            survived += 1
            continue
        whole = {file: (TREE / file).read_bytes() for file in planted}
        for file, text in planted.items():
            put(file, text.encode())
        problem = build()
        broken = None if problem else first_broken(settings.seeds, settings.jobs)
        for file, content in whole.items():
            put(file, content)
        if problem:
            print(f"{mutant.name:<28} DOES NOT BUILD:\n{problem}", flush=True)
            survived += 1
        elif broken:
            print(f"{mutant.name:<28} caught by seed {broken[0]}: {broken[1][:160]}", flush=True)
        else:
            print(f"{mutant.name:<28} SURVIVED {settings.seeds} seeds", flush=True)
            survived += 1
    print(f"{len(mutants) - survived} of {len(mutants)} mutants were caught")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
