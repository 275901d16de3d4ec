#!/usr/bin/env python3
"""SHA256SUMS and the SPDX documents, held against the SPDX 2.3 specification and against the artefacts themselves.

    sbom_test.py <folder of artefacts>...
"""

import datetime
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
import urllib.parse
from pathlib import Path

FOLDERS = [Path(name) for name in sys.argv[1:]]
RELATIONS = {"DESCRIBES", "CONTAINS", "DYNAMIC_LINK", "STATIC_LINK", "BUILD_DEPENDENCY_OF"}
DEVELOPMENT = {"curl": "libcurl4-openssl-dev", "nghttp2": "libnghttp2-dev"}  # built from Debian's source
ID = re.compile(r"SPDXRef-[A-Za-z0-9.-]+\Z")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def artefacts():
    return [path for folder in FOLDERS for path in sorted(folder.iterdir()) if path.name.endswith((".deb", ".tar.gz"))]


def document(artefact):
    return json.loads(artefact.with_name(artefact.name + ".spdx.json").read_text())


class Sums(unittest.TestCase):
    def test_every_artefact_and_document_has_its_sum(self):
        self.assertEqual(len(artefacts()), 4)
        for folder in FOLDERS:
            told = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
            here = [path for path in artefacts() if path.parent == folder]
            here += [path.with_name(path.name + ".spdx.json") for path in here]
            self.assertEqual(told, {path.name: sha256(path) for path in here})
            subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


class Document(unittest.TestCase):
    def each(self):
        for artefact in artefacts():
            with self.subTest(artefact.name):
                yield artefact, document(artefact)

    def test_has_what_the_specification_requires(self):
        for _, spdx in self.each():
            self.assertEqual((spdx["spdxVersion"], spdx["dataLicense"]), ("SPDX-2.3", "CC0-1.0"))
            self.assertEqual(spdx["SPDXID"], "SPDXRef-DOCUMENT")
            self.assertRegex(spdx["documentNamespace"], r"\Ahttps://[^#\s]+\Z")
            datetime.datetime.strptime(spdx["creationInfo"]["created"], "%Y-%m-%dT%H:%M:%SZ")
            for creator in spdx["creationInfo"]["creators"]:
                self.assertRegex(creator, r"\A(Tool|Organization|Person): \S")
            for package in spdx["packages"]:
                self.assertLessEqual({"name", "SPDXID", "versionInfo", "downloadLocation", "filesAnalyzed"}, set(package))
                self.assertEqual(package["filesAnalyzed"], "packageVerificationCode" in package)
            for file in spdx["files"]:
                self.assertTrue(file["fileName"].startswith("./"))
                self.assertIn("SHA1", [checksum["algorithm"] for checksum in file["checksums"]])

    def test_names_each_element_once_and_relates_only_those(self):
        for _, spdx in self.each():
            names = [spdx["SPDXID"], *(element["SPDXID"] for element in spdx["packages"] + spdx["files"])]
            self.assertEqual(len(names), len(set(names)))
            for name in names:
                self.assertRegex(name, ID)
            related = set()
            for relation in spdx["relationships"]:
                self.assertIn(relation["relationshipType"], RELATIONS)
                related |= {relation["spdxElementId"], relation["relatedSpdxElement"]}
            self.assertEqual(related, set(names), "an element without a relation, or a relation without one")
            described = [r["relatedSpdxElement"] for r in spdx["relationships"] if r["relationshipType"] == "DESCRIBES"]
            self.assertEqual(described, [spdx["packages"][0]["SPDXID"]])

    def test_lists_the_artefacts_own_files(self):
        for artefact, spdx in self.each():
            top = spdx["packages"][0]
            self.assertEqual((top["packageFileName"], top["checksums"][0]["checksumValue"]), (artefact.name, sha256(artefact)))
            with tempfile.TemporaryDirectory() as scratch:
                if artefact.suffix == ".deb":
                    subprocess.run(["dpkg-deb", "-x", artefact, scratch], check=True)
                else:
                    with tarfile.open(artefact) as archive:
                        archive.extractall(scratch)
                here = {
                    f"./{path.relative_to(scratch)}": (hashlib.sha1(path.read_bytes()).hexdigest(), sha256(path))
                    for path in Path(scratch).rglob("*")
                    if path.is_file() and not path.is_symlink()
                }
            told = {file["fileName"]: tuple(c["checksumValue"] for c in file["checksums"]) for file in spdx["files"]}
            self.assertEqual(told, here)
            code = hashlib.sha1("".join(sorted(sha1 for sha1, _ in here.values())).encode()).hexdigest()
            self.assertEqual(top["packageVerificationCode"]["packageVerificationCodeValue"], code)

    def test_packages_are_those_of_this_machine(self):
        for _, spdx in self.each():
            for package in spdx["packages"][1:]:
                purl = package["externalRefs"][0]["referenceLocator"]
                self.assertIn(f"/{package['name']}@{urllib.parse.quote(package['versionInfo'], safe='')}?", purl)
                asked = "source:Version" if "arch=source" in purl else "Version"
                name = DEVELOPMENT.get(package["name"], package["name"])
                version = subprocess.run(["dpkg-query", "-W", f"-f=${{{asked}}}\n", name], check=True, capture_output=True, text=True)
                self.assertIn(package["versionInfo"], version.stdout.splitlines())

    def linked(self, spdx, name, relation):
        names = {package["SPDXID"]: package["name"] for package in spdx["packages"]}
        (file,) = [file["SPDXID"] for file in spdx["files"] if file["fileName"].endswith(name)]
        return {
            names[r["relatedSpdxElement"]] for r in spdx["relationships"]
            if r["spdxElementId"] == file and r["relationshipType"] == relation
        }  # fmt: skip

    def test_the_package_depends_on_what_the_library_asks_for(self):
        (artefact,) = [path for path in artefacts() if path.name.startswith("libcordon1_")]
        spdx = document(artefact)
        depends = subprocess.run(["dpkg-deb", "-f", artefact, "Depends"], check=True, capture_output=True, text=True).stdout
        depends = set(re.findall(r"([a-z0-9.+-]+) \(", depends))
        self.assertLessEqual(self.linked(spdx, "libcordon.so.1.0.0", "DYNAMIC_LINK"), depends)
        self.assertLessEqual({"libcurl4", "libsodium23", "libsqlite3-0"}, self.linked(spdx, "libcordon.so.1.0.0", "DYNAMIC_LINK"))
        self.assertLessEqual({"nlohmann-json3-dev", "libvalijson-dev"}, self.linked(spdx, "libcordon.so.1.0.0", "STATIC_LINK"))

    def test_the_portable_library_has_everything_in_it(self):
        (artefact,) = [path for path in artefacts() if path.name.endswith(".tar.gz")]
        spdx = document(artefact)
        self.assertEqual(self.linked(spdx, "libcordon.so.1.0.0", "DYNAMIC_LINK"), {"libc6"})
        self.assertLessEqual({"curl", "libssl-dev", "libsodium-dev", "libsqlite3-dev", "nghttp2", "libstdc++-12-dev"},
                             self.linked(spdx, "libcordon.so.1.0.0", "STATIC_LINK"))  # fmt: skip


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main()
