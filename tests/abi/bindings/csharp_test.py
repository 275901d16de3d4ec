#!/usr/bin/env python3
"""Packs the C# binding and runs its tests against the emulator.

    csharp_test.py <source root> <libcordon.so.1> <cordon-emulator> <scratch directory>

Exit: 0 passed, 1 failed, 77 skipped: the .NET SDK 8 or later, or NuGet's packages are not to be had.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from runner import PACKAGES_OUT_OF_REACH, Stage, fail, run, skip

TESTS_TIMEOUT_S = 1200
# No compiler or build server stays behind.
BUILD_OPTIONS = ("-c", "Release", "-nologo", "-nodeReuse:false", "-p:UseSharedCompilation=false")
NO_REGISTRY = "NU1301"


def main():
    root, library, emulator, scratch = (Path(argument).absolute() for argument in sys.argv[1:5])
    os.environ |= {"DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1"}
    if not shutil.which("dotnet"):
        skip("dotnet is not installed")
    found = run("dotnet", "--version", check=False)
    if found.returncode != 0 or int(found.stdout.split(".")[0]) < 8:
        skip("there is no .NET SDK 8 or later")
    binding, options = root / "abi/csharp", (*BUILD_OPTIONS, f"-p:ArtifactsPath={scratch}")
    restored = run("dotnet", "restore", "-nodeReuse:false", f"-p:ArtifactsPath={scratch}", binding / "Cordon.Tests", check=False)
    if restored.returncode != 0:
        skip(PACKAGES_OUT_OF_REACH) if NO_REGISTRY in restored.stdout else fail(restored.stdout + restored.stderr)
    run("dotnet", "pack", *options, "-o", scratch / "packages", binding / "Cordon")
    run("dotnet", "build", "--no-restore", *options, binding / "Cordon.Tests")
    tests = next((scratch / "bin/Cordon.Tests").glob("release*/Cordon.Tests.dll"))
    with Stage(emulator, library) as stage:
        result = subprocess.run(["dotnet", "vstest", str(tests), "--logger:console;verbosity=normal",
                                 f"--ResultsDirectory:{scratch / 'results'}"],
                                env=stage.environment, timeout=TESTS_TIMEOUT_S, stdin=subprocess.DEVNULL)
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
