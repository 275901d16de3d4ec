#!/usr/bin/env python3
"""What a call costs through each language's binding, over the same call from C; prints a table and asserts nothing.

usage: bindings.py BUILD_DIR [--only LANGUAGE]...      the directory of the preset "release" or "bench"

One call is a warm read of a device at a static server (nginx, TLS, loopback), the answer parsed as far as the binding
does it by itself. All programs are warm and take turns batch by batch in one run; a figure is the median of the batches'
medians in microseconds. Programs are the members "bench" of tests/abi/conformance/languages.json; the README there says
what they do. Exit: 0 every language that is there was measured, 1 otherwise.
"""

import argparse
import contextlib
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tests/abi/conformance"), str(HERE)]

from bench import MACHINE, make_config, one_tenant, run, start_nginx  # noqa: E402
from languages import Failure, Language, Skipped, chosen_entries  # noqa: E402

ROUNDS = 15
CALLS = 200


class Binding:
    """A language's program: asked for batches on standard input."""

    def __init__(self, stack, language, config):
        places = language.places | {"config": str(config), "machine": MACHINE}
        self.language = language
        self.medians = []
        self.process = subprocess.Popen(
            [word.format(**places) for word in language.entry["bench"]["run"]], env=language.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        stack.callback(self.close)
        self.line()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"the program ended with status {self.process.wait()}")
        return line

    def batch(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return float(self.line().split()[0])

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def config_for(folder, cordon, language, origin, ca_file):
    """Each client has a state directory of its own."""
    config = make_config(folder / language.scratch.name, one_tenant(origin), {"ca_file": str(ca_file)})
    run(cordon, "--config", config, "secret", "set", "bench", input="s3cret", text=True, capture_output=True)
    return config


def measure(arguments, folder, stack):
    """Starts every program that is there, then lets them take turns. Returns those that were measured and a list of what
    went wrong."""
    origin, ca_file = start_nginx(stack, folder)
    started, problems = [], []
    for entry in chosen_entries(arguments, always="C"):
        if "bench" not in entry:
            continue
        language = Language(entry, arguments)
        try:
            language.look()
            language.build(entry["bench"].get("build", []))
            config = config_for(folder, arguments.build / "src/cli/cordon", language, origin, ca_file)
            started.append(Binding(stack, language, config))
        except Skipped as reason:
            print(f"{language.name}: skipped: {reason}")
        except Failure as failure:
            problems.append(f"{language.name}: {failure}")
    for binding in started:
        binding.batch(CALLS)
    for turn in range(ROUNDS):
        for binding in started[turn % len(started) :] + started[: turn % len(started)]:
            binding.medians.append(binding.batch(CALLS))
    return started, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda text: pathlib.Path(text).absolute())
    parser.add_argument("--only", action="append", metavar="LANGUAGE")
    arguments = parser.parse_args()
    arguments.root = ROOT
    arguments.library = arguments.build / "src/boundary/libcordon.so.1"
    arguments.scratch = arguments.build / "tests/bindings"
    with tempfile.TemporaryDirectory(prefix="cordon-bindings-") as folder, contextlib.ExitStack() as stack:
        measured, problems = measure(arguments, pathlib.Path(folder), stack)
        figures = {binding.language: statistics.median(binding.medians) for binding in measured}
    base = next((figure for language, figure in figures.items() if language.name == "C"), None)
    if base is not None:
        print(f"{'a warm read, µs':<18}{'':46}{'binding':>9}{'C':>8}{'more':>8}")
        for language, figure in figures.items():
            print(f"{language.name:<18}{language.version[:44]:<46}{figure:>9.0f}{base:>8.0f}{figure - base:>+8.0f}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems or base is None else 0


if __name__ == "__main__":
    sys.exit(main())
