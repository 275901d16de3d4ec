#!/usr/bin/env python3
"""Writes, beside each artefact, its SPDX 2.3 document, and one SHA256SUMS for all of them.

    sbom.py BUILD_DIR ARTEFACT...                  a .deb or a .tar.gz that cpack made from that build
    sbom.py BUILD_DIR --copyrights FOLDER          before packing: the copyright files of what is linked statically

What an artefact is linked with is read from the build, not listed by hand: the linker's map names the archives whose
members it took, ninja knows the headers of each object, the program itself names the shared libraries that it asks for.
dpkg says to which package each of these files belongs. Times come from SOURCE_DATE_EPOCH.
"""

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import uuid
from pathlib import Path

PROGRAMS = ("libcordon.so.1.0.0", "cordon", "cordon-emulator")
# The package that has the headers of what the preset portable builds from source.
DEVELOPMENT = {"curl": "libcurl4-openssl-dev", "nghttp2": "libnghttp2-dev"}
NAMESPACE = "https://cordon.invalid/spdx"
FIELDS = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Maintainer}\t${Homepage}\n"


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def digest(path, algorithm):
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


def spdx_id(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(words))


# ---- which package a file of this machine belongs to ----


class Packages:
    """What dpkg knows, asked once for many files."""

    def __init__(self):
        self.known = {}

    def of_files(self, paths):
        """The names of the packages that these files belong to; an unknown file is an error."""
        # A merged /usr: the dynamic loader speaks of /lib, dpkg of where the package put it.
        real = {os.path.realpath(path) for path in paths}
        spelt = real | {path.removeprefix("/usr") for path in real if path.startswith("/usr/lib")}
        result = subprocess.run(["dpkg-query", "-S", *sorted(spelt)], capture_output=True, text=True, check=False)
        found = {}
        for line in result.stdout.splitlines():
            names, path = line.split(": ", 1)
            if not names.startswith("diversion"):
                found.setdefault(path.removeprefix("/usr"), names.split(", ")[0])
        missing = sorted(path for path in real if path.removeprefix("/usr") not in found)
        if missing:
            raise SystemExit(f"sbom: no package has {', '.join(missing)}")
        return {found[path.removeprefix("/usr")] for path in real}

    def describe(self, name):
        if name not in self.known:
            words = output("dpkg-query", "-W", "-f", FIELDS, name).rstrip("\n").split("\t")
            keys = ("name", "version", "architecture", "source", "source_version", "maintainer", "homepage")
            self.known[name] = dict(zip(keys, words))
        return self.known[name]


# ---- what a program or library was made from ----


class Build:
    def __init__(self, folder):
        self.folder = folder
        self.packages = Packages()
        self.release = dict(
            line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
        )
        self.distribution = f"{self.release['ID']}-{self.release['VERSION_ID']}".replace('"', "")

    def target_of(self, name):
        """Where the build has the program that was installed under this name."""
        found = [path for path in self.folder.glob(f"src/*/{name}") if path.is_file() and not path.is_symlink()]
        if len(found) != 1:
            raise SystemExit(f"sbom: {self.folder} has {len(found)} files {name}, expected one")
        return found[0].relative_to(self.folder)

    def inputs(self, target):
        return set(output("ninja", "-C", self.folder, "-t", "inputs", target).splitlines())

    def headers(self, target):
        """The headers of the distribution that the target's objects include, not those of a library of ours."""
        inputs = self.inputs(target)
        for library in [name for name in inputs if ".so" in Path(name).suffixes and not name.startswith("/")]:
            inputs -= self.inputs(library)
        objects = sorted(name for name in inputs if name.endswith((".o", ".gch")))
        recorded = output("ninja", "-C", self.folder, "-t", "deps", *objects)
        names = {line.strip() for line in recorded.splitlines() if line.startswith(" ")}
        return {name for name in names if name.startswith("/usr/")}

    def archives(self, target):
        """The static archives from which the linker took a member."""
        text = (self.folder / f"{target}.map").read_text()
        members = re.findall(r"^(\S+\.a)\(\S+\)$", text.split("\nMemory Configuration")[0], flags=re.M)
        return {os.path.realpath(self.folder / path) for path in members}

    def shared(self, program):
        """The files that the dynamic loader takes for what the program asks for by name."""
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", program))
        known = dict(re.findall(r"^\s+(\S+) \(libc6,[^)]*\) => (\S+)$", output("/sbin/ldconfig", "-p"), flags=re.M))
        return {known[name] for name in needed if name != "libcordon.so.1"}

    def linked(self, name, program):
        """{package: relation} of one program. A relation is DYNAMIC_LINK, STATIC_LINK or BUILD_DEPENDENCY_OF."""
        target = self.target_of(name)
        shared = self.packages.of_files(self.shared(program))
        archives = self.archives(target)
        built = str(self.folder.resolve() / "debian") + "/"
        static = self.packages.of_files({path for path in archives if path.startswith("/usr/")})
        static |= {self.add_source(path.removeprefix(built).split("/")[0]) for path in archives if path.startswith(built)}
        sources = {self.packages.describe(package)["source"] for package in shared | static}
        relations = {}
        for package in self.packages.of_files(self.headers(target)):
            # A header of what is linked only declares it; one of nothing else is the library itself.
            declares = self.packages.describe(package)["source"] in sources or package.startswith("linux-libc-dev")
            relations[package] = "BUILD_DEPENDENCY_OF" if declares else "STATIC_LINK"
        relations.update({package: "STATIC_LINK" for package in static})
        relations.update({package: "DYNAMIC_LINK" for package in shared})
        return relations

    def add_source(self, name):
        """A library that was built from Debian's source package is in no package of this machine."""
        version = (self.folder / "debian" / name / "source/version").read_text().strip()
        development = self.packages.describe(DEVELOPMENT[name])
        told = {"name": development["source"], "version": version, "architecture": "source", "source_version": version}
        self.packages.known[development["source"]] = development | told
        return development["source"]


# ---- the document ----


def package_element(build, name):
    about = build.packages.describe(name)
    version = urllib.parse.quote(about["version"], safe="")
    element = {
        "SPDXID": spdx_id("Package", about["name"], about["architecture"]),
        "name": about["name"],
        "versionInfo": about["version"],
        "supplier": "Organization: Debian" if build.release["ID"] == "debian" else "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "sourceInfo": f"built from the source package {about['source']} {about['source_version']}",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"pkg:deb/{build.release['ID']}/{about['name']}@{version}"
                f"?arch={about['architecture']}&distro={build.distribution}",
            }
        ],
    }
    if about["homepage"]:
        element["homepage"] = about["homepage"]
    return element


def unpacked(artefact, folder):
    if artefact.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", artefact, folder], check=True)
    else:
        with tarfile.open(artefact) as archive:
            archive.extractall(folder)
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def name_and_version(artefact):
    if artefact.suffix == ".deb":
        return output("dpkg-deb", "-W", "--showformat=${Package}\t${Version}", artefact).split("\t")
    return re.fullmatch(r"(.*?)-(\d[\d.]*)-.*", artefact.name).groups()


def created():
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.datetime.now().timestamp())
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(build, artefact):
    name, version = name_and_version(artefact)
    top = spdx_id("Package", "artefact", name)
    packages, files, relations = {}, [], {("SPDXRef-DOCUMENT", "DESCRIBES", top)}
    with tempfile.TemporaryDirectory() as scratch:
        for path in unpacked(artefact, Path(scratch)):
            told = "./" + str(path.relative_to(scratch))
            is_elf = path.read_bytes()[:4] == b"\x7fELF"
            element = {
                "SPDXID": spdx_id("File", told.removeprefix("./")),
                "fileName": told,
                "fileTypes": ["BINARY"] if is_elf else ["TEXT" if path.suffix != ".gz" else "ARCHIVE"],
                "checksums": [
                    {"algorithm": "SHA1", "checksumValue": digest(path, "sha1")},
                    {"algorithm": "SHA256", "checksumValue": digest(path, "sha256")},
                ],
                "licenseConcluded": "NOASSERTION",
                "copyrightText": "NOASSERTION",
            }
            files.append(element)
            relations.add((top, "CONTAINS", element["SPDXID"]))
            if is_elf:
                for package, relation in build.linked(path.name, path).items():
                    packages[package] = package_element(build, package)
                    ends = (element["SPDXID"], packages[package]["SPDXID"])
                    # "A BUILD_DEPENDENCY_OF B" reads the other way round than "B STATIC_LINK A".
                    left, right = reversed(ends) if relation == "BUILD_DEPENDENCY_OF" else ends
                    relations.add((left, relation, right))
    hashes = "".join(sorted(file["checksums"][0]["checksumValue"] for file in files))
    artefact_element = {
        "SPDXID": top,
        "name": name,
        "versionInfo": version,
        "packageFileName": artefact.name,
        "primaryPackagePurpose": "INSTALL" if artefact.suffix == ".deb" else "ARCHIVE",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1(hashes.encode()).hexdigest()},
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest(artefact, "sha256")}],
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
    }
    unique = uuid.uuid5(uuid.NAMESPACE_URL, artefact_element["checksums"][0]["checksumValue"])
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": artefact.name,
        "documentNamespace": f"{NAMESPACE}/{artefact.name}-{unique}",
        "creationInfo": {"created": created(), "creators": ["Tool: cordon-sbom-1"]},
        "packages": [artefact_element, *(packages[name] for name in sorted(packages))],
        "files": files,
        "relationships": [
            {"spdxElementId": left, "relationshipType": relation, "relatedSpdxElement": right}
            for left, relation, right in sorted(relations)
        ],
    }


def copy_copyrights(build, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        for package, relation in build.linked(name, build.folder / build.target_of(name)).items():
            if relation == "STATIC_LINK":
                about = build.packages.describe(package)
                documented = DEVELOPMENT.get(package, about["name"])
                shutil.copyfile(f"/usr/share/doc/{documented}/copyright", folder / about["name"])


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    build = Build(Path(sys.argv[1]))
    if sys.argv[2] == "--copyrights":
        copy_copyrights(build, Path(sys.argv[3]))
        return
    artefacts = [Path(name) for name in sys.argv[2:]]
    written = []
    for artefact in artefacts:
        described = artefact.with_name(artefact.name + ".spdx.json")
        described.write_text(json.dumps(document(build, artefact), indent=1) + "\n")
        written += [artefact, described]
    sums = "".join(f"{digest(path, 'sha256')}  {path.name}\n" for path in written)
    (artefacts[0].parent / "SHA256SUMS").write_text(sums)


if __name__ == "__main__":
    main()
