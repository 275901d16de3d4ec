#!/usr/bin/env python3
"""Runs the own tests of one language's binding: the member "tests" of its entry in ../conformance/languages.json, a list of
commands. They find the emulator in CORDON_EMULATOR.

    language_test.py <source root> <libcordon.so.1> <cordon-emulator> <scratch directory> --only LANGUAGE

Exit: 0 passed, 1 failed, 77 the toolchain is not there (the last line says which).
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "conformance"))

from languages import Language, Skipped, chosen_entries, parse_arguments  # noqa: E402
from runner import SKIPPED  # noqa: E402


def main():
    arguments = parse_arguments(__doc__)
    (entry,) = chosen_entries(arguments)
    language = Language(entry, arguments)
    try:
        language.look()
    except Skipped as reason:
        print(f"{language.name} is skipped: {reason}")
        return SKIPPED
    print(f"{language.name}: {language.version}", flush=True)
    environment = language.environment | {"CORDON_EMULATOR": str(arguments.emulator)}
    for command in map(language.filled, entry["tests"]):
        print("$", " ".join(command), flush=True)
        result = subprocess.run(command, cwd=arguments.root, env=environment, stdin=subprocess.DEVNULL)
        if result.returncode != 0:
            print(f"{language.name}: '{' '.join(command)}' ended with {result.returncode}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
