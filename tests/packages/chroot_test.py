#!/usr/bin/env python3
"""Installs the Debian packages into a clean chroot, uses them there as a user would, and purges them.

    chroot_test.py <folder of the .deb files> <portable .tar.gz>

The chroot is made by debootstrap in a temporary directory, inside mount and process namespaces of its own, which take
every mount and process with them. Needs root and the network. Exit: 0 passed, 1 failed, 77 not possible here.
"""

import hashlib
import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SKIPPED = 77
INSIDE = "--inside"
MIRROR = "http://deb.debian.org/"
TIMEOUT_S = 1800


class Chroot:
    def __init__(self, folder):
        self.folder = folder

    def __truediv__(self, path):
        return self.folder / path.lstrip("/")

    def command(self, *command):
        return ["chroot", str(self.folder), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", *map(str, command)]  # fmt: skip

    def run(self, *command, code=0, **how):
        result = subprocess.run(self.command(*command), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=TIMEOUT_S, check=False, **how)  # fmt: skip
        if result.returncode != code:
            raise AssertionError(f"{command} ended with {result.returncode}, expected {code}:\n{result.stdout}")
        return result.stdout

    def as_cordon(self, *command, **how):
        return self.run("runuser", "-u", "cordon", "--", *command, **how)


def expect(what, seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, expected {wanted!r}")
    print(f"  {what}: {seen!r}", flush=True)


def step(text):
    print(f"== {text}", flush=True)


# ---- the machine ----


def bootstrap(folder):
    suite = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    suite = suite["VERSION_CODENAME"].strip('"')
    step(f"A clean Debian ({suite})")
    subprocess.run(["debootstrap", "--variant=minbase", suite, folder, MIRROR + "debian"], check=True,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S)  # fmt: skip
    chroot = Chroot(folder)
    subprocess.run(["mount", "-t", "proc", "proc", chroot / "proc"], check=True)
    # No package starts a service here.
    (chroot / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (chroot / "usr/sbin/policy-rc.d").chmod(0o755)
    if os.path.exists("/etc/resolv.conf"):
        (chroot / "etc/resolv.conf").unlink(missing_ok=True)
        shutil.copyfile("/etc/resolv.conf", chroot / "etc/resolv.conf")
    (chroot / "etc/apt/sources.list").write_text(
        f"deb {MIRROR}debian {suite} main\ndeb {MIRROR}debian {suite}-updates main\n"
        f"deb {MIRROR}debian-security {suite}-security main\n"
    )
    chroot.run("apt-get", "update")
    return chroot


class Emulator:
    """cordon-emulator of the chroot, seen from outside of it."""

    def __init__(self, chroot, program, folder):
        self.folder = chroot / folder
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.process = subprocess.Popen(
            chroot.command(program, "--ready-file", f"{folder}/ready.json", "--tls-dir", f"{folder}/tls", "--speed", "60",
                           "--seed", "7"), stdout=subprocess.PIPE)  # fmt: skip
        readable, _, _ = select.select([self.process.stdout], [], [], 120)
        if not readable or not self.process.stdout.readline():
            raise AssertionError(f"{program} did not start")
        self.ready = json.loads((self.folder / "ready.json").read_text())
        authority = chroot / self.ready["ca_file"]
        authority.parent.chmod(0o755)
        authority.chmod(0o644)
        handler = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def get(self, path):
        with self.opener.open(self.ready["control_url"] + path, timeout=60) as answer:
            return json.loads(answer.read())

    def states(self):
        return [(action["type"], action["status"]) for action in self.get("/emulator/actions")]

    def devices(self):
        special = set(self.ready["cast"].values())
        return [machine for machine in self.ready["machines"] if machine not in special]

    def config(self, state_dir, key_file):
        config = self.ready["config"] | {
            "state_dir": state_dir,
            "vault": {"file": f"{state_dir}/credentials.cordon", "unlock": [{"key_file": key_file}]},
        }
        return config, next(iter(config["tenants"].values()))["credential"]["secret_name"]


# ---- the portable archive ----


def check_portable(chroot, archive):
    step("The portable archive, where none of its libraries is installed")
    libraries = chroot.run("/sbin/ldconfig", "-p")
    for name in ("libcurl", "libsodium", "libsqlite3", "libfmt"):
        expect(f"the chroot has {name}", name in libraries, False)
    (chroot / "opt").mkdir(exist_ok=True)
    subprocess.run(["tar", "-xzf", archive, "-C", chroot / "opt", "--no-same-owner"], check=True)
    top = next((chroot / "opt").iterdir()).name
    prefix = f"/opt/{top}"
    with Emulator(chroot, f"{prefix}/bin/cordon-emulator", "/srv/portable") as emulator:
        config, secret = emulator.config("/srv/portable/own", "/srv/portable/own.key")
        (emulator.folder / "config.json").write_text(json.dumps(config))
        (emulator.folder / "own").mkdir(mode=0o700)
        cordon = (f"{prefix}/bin/cordon", "--config", "/srv/portable/config.json")
        chroot.run(*cordon, "vault", "new-key", "/srv/portable/own.key")
        chroot.run(*cordon, "secret", "set", secret, input=emulator.ready["client_secret"])
        chroot.run(*cordon, "restrict", emulator.devices()[0], "--comment", "contain", "--until", "finished")
        expect("the service saw", emulator.states(), [("RestrictCodeExecution", "Succeeded")])
    shutil.rmtree(chroot / prefix)
    shutil.rmtree(chroot / "srv/portable")


# ---- the packages ----


def check_folders(chroot):
    for path, wanted in (("/var/lib/cordon", "cordon:cordon 700"), ("/etc/cordon", "root:cordon 750")):
        expect(path, chroot.run("stat", "-c", "%U:%G %a", path).strip(), wanted)


def install(chroot, packages):
    chroot.run("apt-get", "install", "-y", "--no-install-recommends", *(f"/srv/packages/{name}" for name in packages))


def check_empty_purge(chroot, library):
    step("Installed and purged without having been used")
    install(chroot, [library])
    check_folders(chroot)
    chroot.run("apt-get", "purge", "-y", "libcordon1")
    for path in ("/var/lib/cordon", "/etc/cordon", "/usr/bin/cordon"):
        expect(f"{path} is there", (chroot / path).exists(), False)


def check_installed(chroot, packages):
    step("Installed, apt takes what they depend on")
    install(chroot, packages)
    check_folders(chroot)
    expect("the user's shell", chroot.run("getent", "passwd", "cordon").strip().split(":")[-1], "/usr/sbin/nologin")
    expect("files differ from the package's", chroot.run("dpkg", "--verify", "libcordon1", "libcordon-dev",
                                                         "cordon-emulator"), "")  # fmt: skip
    expect("not found", [line for program in ("cordon", "cordon-emulator")
                         for line in chroot.run("ldd", f"/usr/bin/{program}").splitlines() if "not found" in line], [])  # fmt: skip
    expect("the dynamic loader knows it", "libcordon.so.1 " in chroot.run("/sbin/ldconfig", "-p"), True)
    (chroot / "etc/cordon").chmod(0o700)
    chroot.run("dpkg-reconfigure", "libcordon1")
    expect("an administrator's mode stays", chroot.run("stat", "-c", "%a", "/etc/cordon").strip(), "700")
    (chroot / "etc/cordon").chmod(0o750)


def build_hosts(chroot):
    step("A developer's compiler, and hosts built with libcordon-dev")
    chroot.run("apt-get", "install", "-y", "--no-install-recommends", "g++", "make", "cmake", "pkg-config", "libsodium-dev")
    shutil.copytree(HERE / "consumer", chroot / "srv/consumer")
    for name in ("host.c", "loader.c"):
        shutil.copyfile(ROOT / "examples" / name, chroot / f"srv/{name}")
    expect("pkg-config", chroot.run("pkg-config", "--cflags", "--libs", "cordon").strip(), "-lcordon")
    chroot.run("sh", "-c", "cc -std=c99 -Wall -Werror /srv/host.c $(pkg-config --cflags cordon) -ldl -o /srv/host")
    chroot.run("sh", "-c", "cc -std=c99 -Wall -Werror /srv/loader.c $(pkg-config --cflags --libs cordon libsodium) -o /srv/loader")
    chroot.run("cmake", "-S", "/srv/consumer", "-B", "/srv/consumer/build")
    chroot.run("cmake", "--build", "/srv/consumer/build")


def use(chroot):
    step("Set up as README.Debian says, and devices contained as the user cordon")
    with Emulator(chroot, "cordon-emulator", "/srv/emulator") as emulator:
        config, secret = emulator.config("/var/lib/cordon", "/etc/cordon/vault.key")
        (chroot / "etc/cordon/cordon.json").write_text(json.dumps(config))
        chroot.run("chgrp", "cordon", "/etc/cordon/cordon.json")
        (chroot / "etc/cordon/cordon.json").chmod(0o640)
        chroot.run("sh", "-c", "head -c 32 /dev/urandom | install -o cordon -g cordon -m 0400 /dev/stdin /etc/cordon/vault.key")
        chroot.as_cordon("cordon", "secret", "set", secret, input=emulator.ready["client_secret"])
        chroot.as_cordon("cordon", "preflight")
        expect("loader", chroot.as_cordon("/srv/loader").strip().split(", from ")[0], "cordon 1.0.0, ABI 1000000")
        devices, file = emulator.devices(), emulator.ready["files"][0]
        chroot.as_cordon("cordon", "restrict", devices[0], "--comment", "contain", "--until", "finished")
        told = chroot.as_cordon("/srv/host", "-", "-", "contain", devices[1], file)
        expect("the C host", told.splitlines()[-1], "final: restrict app execution done on the device, stop and "
                                                    "quarantine done on the device")  # fmt: skip
        chroot.as_cordon("/srv/consumer/build/contain", devices[2])
        chroot.as_cordon("/srv/consumer/build/contain_cpp", devices[3])
        restricted = ("RestrictCodeExecution", "Succeeded")
        expect("the service saw", sorted(emulator.states()), [restricted] * 4 + [("StopAndQuarantineFile", "Succeeded")])


def audit(chroot):
    return json.loads(chroot.as_cordon("sh", "-c", "cordon audit verify 2>/dev/null"))


def kept_files(chroot):
    return {
        str(path.relative_to(chroot.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("var/lib/cordon", "etc/cordon")
        for path in sorted((chroot / folder).rglob("*"))
        if path.is_file()
    }


def purge(chroot, packages):
    step("Purged: the audit stays, and verifies with the packages installed again")
    before, verdict = kept_files(chroot), audit(chroot)
    before = kept_files(chroot)
    told = chroot.run("apt-get", "purge", "-y", "libcordon1", "libcordon-dev", "cordon-emulator")
    expect("purge tells", told.count("is kept"), 2)
    expect("files kept", kept_files(chroot), before)
    expect("the user stays", chroot.run("getent", "passwd", "cordon").startswith("cordon:"), True)
    left = chroot.run("sh", "-c", "find /usr -name '*cordon*' | sort").split()
    expect("left below /usr", left, [])
    install(chroot, packages)
    check_folders(chroot)
    again = audit(chroot)
    expect("verified before and after", (verdict["intact"], again["intact"]), (True, True))


def inside(folder, packages_dir, archive):
    chroot = bootstrap(folder)
    check_portable(chroot, archive)
    shutil.copytree(packages_dir, chroot / "srv/packages", ignore=lambda _, names: [n for n in names if not n.endswith(".deb")])
    packages = sorted(path.name for path in (chroot / "srv/packages").iterdir())
    expect("packages", [name.split("_")[0] for name in packages], ["cordon-emulator", "libcordon-dev", "libcordon1"])
    check_empty_purge(chroot, packages[2])
    check_installed(chroot, packages)
    build_hosts(chroot)
    use(chroot)
    purge(chroot, packages)
    return 0


def left_behind(folder):
    """Mounts and processes that are still there."""
    left = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if folder in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "root").startswith(folder):
                left.append(f"process {process.name}")
        except OSError:
            pass
    return left


def main():
    if INSIDE in sys.argv:
        return inside(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
    missing = [name for name in ("debootstrap", "unshare", "chroot") if shutil.which(name) is None]
    own = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    if missing or os.geteuid() != 0 or subprocess.run([*own, "true"], check=False).returncode != 0:
        print(f"needs root, namespaces and debootstrap (missing: {missing})")
        return SKIPPED
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(1))  # so that the folder goes
    # /tmp may lie in memory, or have no device files.
    folder = tempfile.mkdtemp(prefix="cordon-chroot-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    try:
        arguments = [os.path.abspath(argument) for argument in sys.argv[1:3]]
        result = subprocess.run([*own, sys.executable, __file__, INSIDE, folder, *arguments], check=False).returncode
    finally:
        left = left_behind(folder)
        if not any(folder in line for line in left):
            shutil.rmtree(folder)
    if left:
        print("left behind:", *left, sep="\n  ")
    return 1 if result != 0 or left else 0


if __name__ == "__main__":
    sys.exit(main())
