#!/usr/bin/env python3
"""@azure/identity obtains tokens from the emulator: by secret, certificate, workload identity and managed identity.

    azure_identity_test.py <cordon-emulator> <scratch directory>

Exit: 0 passed, 1 failed, 77 skipped: Node 18, npm, or the packages from its registry are not to be had.
"""

import subprocess
import sys
from pathlib import Path

from judges import install

from emulator import Emulator, without_proxies

TIMEOUT_S = 300


def main():
    binary, scratch = (Path(argument).absolute() for argument in sys.argv[1:3])
    programs = install(scratch)
    credentials = scratch / "credentials"
    with Emulator(binary, "--identity", "127.0.0.1:0", "--credential-dir", credentials) as emulator:
        environment = without_proxies() | {"NODE_EXTRA_CA_CERTS": emulator.ready["ca_file"]}
        result = subprocess.run(
            ["node", "azure_identity.mjs", emulator.directory / "ready.json"],
            cwd=programs, env=environment, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL,
        )
    sys.exit(0 if result.returncode == 0 else 1)


if __name__ == "__main__":
    main()
