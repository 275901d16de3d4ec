"""The ABI that abi/cordon.h and abi/cordon.map describe, as a library with debug information and empty functions. It is
what libabigail compares with a baseline: the real library is built without types to be small, and that it exports the
same names is checked by nm."""

import re
import shutil
import subprocess
from pathlib import Path

from header_reader import read_header

LINK = ["-Wl,-z,defs", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,nodelete"]


def stub(function):
    parameters = ", ".join(f"{p['type']} {p['name']}" for p in function["params"]) or "void"
    unused = "".join(f" (void){p['name']};" for p in function["params"])
    value = "" if function["returns"] == "void" else " return 0;"
    return f"{function['returns']} {function['name']}({parameters}) {{{unused}{value} }}\n"


def with_short_table(header, members):
    """The header as a host saw it when the table had only so many functions; a later release appends."""
    start = header.index("struct cordon_api_v1 {")
    body = header[start : header.index("\n};", start)]
    functions = [match.end() for match in re.finditer(r"\(\*\w+\)\([^;]*;", body)]
    return header.replace(body, body[: functions[min(members, len(functions)) - 1]])


def build_image(root, soname, out, members=1000):
    """Compiles the image into `out`, its table cut after so many functions. Raises CalledProcessError with the compiler's
    words."""
    abi, out = Path(root).resolve() / "abi", Path(out).resolve()
    source = out.parent / "image.c"  # named without its folder, for the name goes into the debug information
    source.write_text('#include "cordon.h"\n' + "".join(map(stub, read_header(abi / "cordon.h")["functions"])))
    (out.parent / "cordon.h").write_text(with_short_table((abi / "cordon.h").read_text(), members))
    command = ["gcc", "-std=c99", "-g", "-O0", "-fPIC", "-shared", "-fvisibility=hidden", source.name]
    command += ["-o", str(out), f"-Wl,-soname,{soname}", f"-Wl,--version-script={abi / 'cordon.map'}", *LINK]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=out.parent)
    return out


def write_baseline(image, path):
    """What a release commits: the image's ABI as libabigail writes it."""
    command = ["abidw", "--no-architecture", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed",
               "--type-id-style", "hash", "--out-file", str(path), str(image)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, text=True)


def incompatibilities(baseline, image):
    """What abidiff finds that a host built for the baseline would notice; "" for nothing, None without abidiff."""
    if shutil.which("abidiff") is None:
        return None
    command = ["abidiff", "--no-architecture", "--no-corpus-path", "--no-added-syms", "--no-show-locs"]
    result = subprocess.run([*command, str(baseline), str(image)], capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr
