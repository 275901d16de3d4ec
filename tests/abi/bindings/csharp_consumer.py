#!/usr/bin/env python3
"""Packs the C# binding, and builds a program with the package as a user would: dotnet new, dotnet add package.

    csharp_consumer.py <source root> <directory> <program>

The program lies in <directory>/consumer/out/contain.dll afterwards.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def dotnet(*command):
    subprocess.run(["dotnet", *command], check=True, stdin=subprocess.DEVNULL)


def main():
    root, directory, program = (Path(argument).absolute() for argument in sys.argv[1:4])
    packages, consumer = directory / "packages", directory / "consumer"
    # A package of the same version that was installed before would be taken instead.
    os.environ["NUGET_PACKAGES"] = str(directory / "installed")
    shutil.rmtree(directory / "installed/cordon", ignore_errors=True)
    shutil.rmtree(consumer, ignore_errors=True)
    dotnet("pack", root / "abi/csharp/Cordon", "-o", packages)
    for name in ("ArtifactsPath", "Configuration"):  # a user's own project knows nothing of them
        os.environ.pop(name, None)
    dotnet("new", "console", "--no-restore", "-n", "contain", "-o", consumer)
    dotnet("add", consumer, "package", "Cordon", "--source", packages)
    shutil.copy(program, consumer / "Program.cs")
    dotnet("build", consumer, "-o", consumer / "out")


if __name__ == "__main__":
    main()
