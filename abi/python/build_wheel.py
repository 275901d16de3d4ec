"""Builds the package for pip (PEP 517, PEP 660). It needs nothing but Python, so that an installation needs no network."""

import base64
import hashlib
import io
import tarfile
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "src/cordon"
WHEEL = "Wheel-Version: 1.0\nGenerator: cordon\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _project():
    return tomllib.loads((HERE / "pyproject.toml").read_text())["project"]


def _metadata():
    project = _project()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License: {project['license']['text']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Classifier: {classifier}" for classifier in project["classifiers"]),
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + "\n\n" + (HERE / project["readme"]).read_text()


def _name():
    project = _project()
    return f"{project['name']}-{project['version']}"


def _write_wheel(directory, files):
    """Writes a wheel of these files (name: bytes) and returns its name."""
    info = f"{_name()}.dist-info"
    files = files | {f"{info}/METADATA": _metadata().encode(), f"{info}/WHEEL": WHEEL.encode()}
    record = ""
    name = f"{_name()}-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(content)}\n"
            wheel.writestr(path, content)
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    files = sorted(path for path in PACKAGE.iterdir() if path.suffix == ".py" or path.name == "py.typed")
    return _write_wheel(wheel_directory, {f"cordon/{path.name}": path.read_bytes() for path in files})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _write_wheel(wheel_directory, {"cordon.pth": f"{PACKAGE.parent}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    files = ["pyproject.toml", "README.md", "build_wheel.py", *(f"src/cordon/{p.name}" for p in PACKAGE.glob("*.py"))]
    name = f"{_name()}.tar.gz"
    with tarfile.open(Path(sdist_directory) / name, "w:gz") as archive:
        for file in sorted([*files, "src/cordon/py.typed"]):
            archive.add(HERE / file, f"{_name()}/{file}")
        content = _metadata().encode()
        member = tarfile.TarInfo(f"{_name()}/PKG-INFO")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return name
