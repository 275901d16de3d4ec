"""What the tests of the bindings share: the emulator, commands, and the ways to end."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from emulator import Emulator, without_proxies  # noqa: E402

SKIPPED = 77
COMMAND_TIMEOUT_S = 900
PACKAGES_OUT_OF_REACH = "its package registry cannot be reached"
# What npm says then; the last three: through something that answers in the registry's name.
NPM_OUT_OF_REACH = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH",
                    "SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def fail(text):
    print(text)
    sys.exit(1)


def run(*command, check=True, **options):
    """A command that works in silence; what it said is shown when it fails."""
    result = subprocess.run([str(word) for word in command], text=True, capture_output=True, timeout=COMMAND_TIMEOUT_S,
                            stdin=subprocess.DEVNULL, **options)
    if check and result.returncode != 0:
        fail(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result


def after_npm(installed):
    """Ends the test where npm's packages could not be installed: as skipped when nobody could have done it."""
    if installed.returncode == 0:
        return
    if any(code in installed.stderr for code in NPM_OUT_OF_REACH):
        skip(PACKAGES_OUT_OF_REACH)
    fail(installed.stdout + installed.stderr)


class Stage:
    """An emulator with many devices, and the environment for programs that test against it: $CORDON_READY names its
    ready file, the loader finds the library."""

    def __init__(self, emulator, library):
        self.emulator = Emulator(emulator, "--seed", "7", "--speed", "60", "--machines", "400")
        self.environment = without_proxies() | {
            "CORDON_READY": str(self.emulator.directory / "ready.json"),
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, (str(Path(library).parent), os.environ.get("LD_LIBRARY_PATH")))),
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.emulator.close()
