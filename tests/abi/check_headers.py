#!/usr/bin/env python3
"""Compiles abi/cordon.h alone, and twice in one file, as every C and C++ that a host may be written in, with every
compiler present.

    check_headers.py <source root>
"""

import shutil
import subprocess
import sys
from pathlib import Path

COMPILERS = {
    "c": (("gcc", "clang"), ("c99", "c11", "c17", "c2x")),
    "c++": (("g++", "clang++"), ("c++98", "c++03", "c++11", "c++14", "c++17", "c++20", "c++2b")),
}
WARNINGS = ["-pedantic-errors", "-Wall", "-Wextra", "-Werror"]
SOURCES = {
    "once": '#include "cordon.h"\nint32_t (*use)(cordon_client *, int32_t, cordon_error **) = cordon_shutdown;\n',
    "twice": '#include "cordon.h"\n#include "cordon.h"\nuint32_t (*use)(void) = cordon_abi_version;\n',
    "numbers": '#include "cordon.h"\n#if CORDON_E_LEDGER != -30 || CORDON_OK\n#error\n#endif\nint use = CORDON_DRY_RUN;\n',
}


def main():
    include = "-I" + str(Path(sys.argv[1]) / "abi")
    compiled = failed = 0
    for language, (compilers, standards) in COMPILERS.items():
        for compiler in filter(shutil.which, compilers):
            for standard in standards:
                for name, source in SOURCES.items():
                    command = [compiler, f"-std={standard}", *WARNINGS, include, "-fsyntax-only", "-x", language, "-"]
                    result = subprocess.run(command, input=source, text=True, capture_output=True)
                    compiled += 1
                    if result.returncode != 0:
                        failed += 1
                        print(f"{compiler} -std={standard}, included {name}:\n{result.stderr}", file=sys.stderr)
    print(f"{compiled} compilations, {failed} failed")
    return 1 if failed or compiled == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
