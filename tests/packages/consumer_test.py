#!/usr/bin/env python3
"""Installs into a temporary directory, by components, and contains devices with projects that know nothing but that.

    consumer_test.py <cmake> <build directory> <configuration>
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from support.emulator import Emulator, without_proxies  # noqa: E402

CMAKE, BUILD, CONFIGURATION = sys.argv[1:4]
COMPONENTS = ("runtime", "development", "emulator")
CONSUMER = HERE / "consumer"


def run(*command, environment=None, **how):
    result = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**without_proxies(), **(environment or {})}, timeout=300, check=False, **how)  # fmt: skip
    if result.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {result.returncode}:\n{result.stdout}")
    return result.stdout


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


class Consumer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="cordon-consumer-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        for component in COMPONENTS:
            run(CMAKE, "--install", BUILD, "--component", component, "--prefix", cls.folder / component,
                "--config", CONFIGURATION)  # fmt: skip
        run(CMAKE, "--install", BUILD, "--prefix", cls.folder / "first", "--config", CONFIGURATION)
        # The installed tree has no place of its own.
        cls.prefix = cls.folder / "moved"
        (cls.folder / "first").rename(cls.prefix)
        cls.libraries = next(cls.prefix.rglob("libcordon.so.1")).parent

    def test_components_are_separate_and_together_all(self):
        parts = {component: files_below(self.folder / component) for component in COMPONENTS}
        everything = files_below(self.prefix)
        self.assertEqual(set().union(*parts.values()), everything)
        self.assertEqual(sum(map(len, parts.values())), len(everything), "a file belongs to two components")
        names = {component: {Path(file).name for file in files} for component, files in parts.items()}
        self.assertLessEqual({"libcordon.so.1", "cordon.plugin.json", "config.schema.json", "cordon"}, names["runtime"])
        self.assertLessEqual({"libcordon.so", "cordon.h", "cordon.hpp", "cordon.pc", "CordonConfig.cmake",
                              "CordonConfigVersion.cmake", "symbols.json"}, names["development"])  # fmt: skip
        self.assertIn("cordon-emulator", names["emulator"])

    def test_nothing_installed_speaks_of_the_build(self):
        for path in self.prefix.rglob("*"):
            if path.suffix in (".cmake", ".pc", ".json"):
                self.assertNotIn(BUILD, path.read_text(), path)
        for program in (self.prefix / "bin").iterdir():
            self.assertNotIn(BUILD, run("readelf", "-d", program))

    def test_another_major_version_is_not_found(self):
        (self.folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.16)\nproject(other LANGUAGES C)\nfind_package(Cordon 2 REQUIRED)\n"
        )
        with self.assertRaisesRegex(AssertionError, "not accepted|compatible"):
            run(CMAKE, "-G", "Ninja", "-S", self.folder, "-B", self.folder / "other", f"-DCMAKE_PREFIX_PATH={self.prefix}")

    def test_projects_contain_devices(self):
        built = self.folder / "built"
        run(CMAKE, "-G", "Ninja", "-S", CONSUMER, "-B", built, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run(CMAKE, "--build", built)
        flags = run("pkg-config", "--cflags", "--libs", "cordon",
                    environment={"PKG_CONFIG_PATH": f"{self.libraries}/pkgconfig"})  # fmt: skip
        plain = built / "contain_by_pkg_config"
        run("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", CONSUMER / "contain.c", "-o", plain, *flags.split())
        with Emulator(self.prefix / "bin/cordon-emulator", "--seed", "7", "--speed", "60") as emulator:
            config = emulator.ready["config"]
            path = emulator.directory / "config.json"
            path.write_text(json.dumps(config))
            environment = {"CORDON_CONFIG": str(path), "LD_LIBRARY_PATH": str(self.libraries)}
            secret = next(iter(config["tenants"].values()))["credential"]["secret_name"]
            # The command line finds the library by itself.
            run(self.prefix / "bin/cordon", "secret", "set", secret, input=emulator.ready["client_secret"],
                environment={"CORDON_CONFIG": str(path)})  # fmt: skip
            programs = (built / "contain", built / "contain_cpp", plain)
            special = set(emulator.ready["cast"].values())
            devices = [machine for machine in emulator.ready["machines"] if machine not in special]
            for program, device in zip(programs, devices):
                run(program, device, environment=environment)
            self.assertEqual(emulator.posts(), len(programs))
            actions = emulator.control("GET", "/emulator/actions")
            self.assertEqual([action["status"] for action in actions], ["Succeeded"] * len(programs))
            self.assertEqual([action["machineId"] for action in actions], devices[: len(programs)])


if __name__ == "__main__":
    del sys.argv[1:]
    os.umask(0o022)
    unittest.main()
