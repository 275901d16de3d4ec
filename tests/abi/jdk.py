#!/usr/bin/env python3
"""Runs a tool of a JDK that is new enough: of $JAVA_HOME, of the PATH, or of /usr/lib/jvm.

    jdk.py MAJOR TOOL ARGUMENT...       for example: jdk.py 22 java --version

Exit: that of the tool; 1 and a line that says so when there is no such JDK.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path


def candidates():
    if "JAVA_HOME" in os.environ:
        yield Path(os.environ["JAVA_HOME"])
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    yield from sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)


def major_of(home):
    """0 when there is no JDK."""
    if not (home / "bin/javac").exists():
        return 0
    said = subprocess.run([home / "bin/java", "--version"], capture_output=True, text=True).stdout
    found = re.search(r"\d+", said)
    return int(found[0]) if found else 0


def main():
    wanted, tool, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    for home in candidates():
        if major_of(home) >= wanted:
            os.execv(home / "bin" / tool, [tool, *arguments])
    print(f"no JDK {wanted} or later is installed", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
