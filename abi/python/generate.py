#!/usr/bin/env python3
"""Writes src/cordon/_abi.py from abi/symbols.json, and src/cordon/_documents.py from the published schemas.

    generate.py            write both
    generate.py --check    exit 1 if writing would change one
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent / "plugin_manifest/schemas"
DO_NOT_EDIT = "Made by generate.py; change what it reads, not this file."

C_TYPES = {
    "void": "None",
    "int32_t": "c_int32",
    "uint32_t": "c_uint32",
    "size_t": "c_size_t",
    "int32_t *": "POINTER(c_int32)",
    "const char *": "c_char_p",
    "const void *": "c_void_p",
    "char *": "c_void_p",  # a text of the library's own, to be given back: not turned into bytes
    "char **": "POINTER(c_void_p)",
    "cordon_client *": "c_void_p",
    "cordon_client **": "POINTER(c_void_p)",
    "cordon_error *": "c_void_p",
    "const cordon_error *": "c_void_p",
    "cordon_error **": "POINTER(c_void_p)",
}


def prototype(symbol):
    types = [C_TYPES[symbol["returns"]], *(C_TYPES[parameter["type"]] for parameter in symbol["params"])]
    return f"CFUNCTYPE({', '.join(types)})"


def abi_module(symbols):
    lines = [
        f'"""Numbers and signatures of the C ABI. {DO_NOT_EDIT}"""',
        "",
        "import enum",
        "from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int32, c_size_t, c_uint32, c_void_p",
        "",
        f"ABI_VERSION = {symbols['abi_version']}",
        f'SONAME = "{symbols["soname"]}"',
        "",
        "",
        "class Status(enum.IntEnum):",
        '    """What a call returned. 0 is success, above 0 a condition, below 0 an error."""',
        "",
    ]
    for constant in symbols["constants"]:
        lines.append(f"    {constant['name'].removeprefix('CORDON_')} = {constant['value']}")
    lines += [
        "",
        "",
        "class Api(Structure):",
        '    """The table that cordon_get_api gives."""',
        "",
        "    _fields_ = [",
        '        ("struct_size", c_uint32),',
        '        ("abi_version", c_uint32),',
    ]
    for symbol in symbols["symbols"]:
        if symbol["table_member"]:
            lines.append(f'        ("{symbol["table_member"]}", {prototype(symbol)}),')
    return "\n".join([*lines, "    ]", ""])


PYTHON_TYPES = {"string": "str", "integer": "int", "boolean": "bool", "object": "dict[str, Any]"}


def python_type(name, schema):
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    named = {
        "state": "State | str",
        "status": "str",
        "labels": "dict[str, str]",
        "action": "Action",
    }.get(name)  # fmt: skip
    if "enum" in schema and name != "state":
        named = f"Literal[{', '.join(json.dumps(word) for word in schema['enum'])}]"
    words = [named or PYTHON_TYPES[next(t for t in types if t != "null")]]
    if "null" in types:
        words.append("None")
    return " | ".join(words)


def described(schema):
    text = schema.get("description", "")
    return [f'    """{text}"""'] if text else []


def dataclass(name, about, schema):
    """Members that may be absent come last and have a default, as hosts have to expect them."""
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:", f'    """{about}"""', ""]
    required = set(schema["required"])
    for member, of in schema["properties"].items():
        default = ""
        if member not in required:
            default = " = field(default_factory=dict)" if of["type"] == "object" else " = None"
        lines += [f"    {member}: {python_type(member, of)}{default}", *described(of)]
    return [*lines, "", ""]


def documents_module(action, event, options):
    lines = [
        f'"""The documents of the C ABI, as types. {DO_NOT_EDIT}"""',
        "",
        "import enum",
        "from dataclasses import dataclass, field",
        "from typing import Any, Literal, TypedDict",
        "",
        "",
        "class State(enum.StrEnum):",
        '    """Where a request stands."""',
        "",
        *(f'    {word.upper()} = "{word}"' for word in action["properties"]["state"]["enum"] if word),
        "",
        "",
        *dataclass("Action", "Where an action stands. Times are RFC 3339, UTC.", action),
        *dataclass("Event", "One record of the journal.", event),
        "class Options(TypedDict, total=False):",
        '    """Options of a call."""',
        "",
    ]
    for member, of in options["properties"].items():
        lines += [f"    {member}: {python_type(member, of)}", *described(of)]
    return "\n".join([*lines, ""])


def main():
    def schema(name):
        return json.loads((SCHEMAS / f"{name}.schema.json").read_text())

    written = {
        "_abi.py": abi_module(json.loads((HERE.parent / "symbols.json").read_text())),
        "_documents.py": documents_module(schema("action"), schema("event"), schema("options")),
    }
    stale = [name for name, text in written.items() if (HERE / "src/cordon" / name).read_text() != text] if (
        "--check" in sys.argv
    ) else []
    for name in stale:
        print(f"src/cordon/{name} is not what generate.py makes of symbols.json and the schemas; run it", file=sys.stderr)
    if "--check" not in sys.argv:
        for name, text in written.items():
            (HERE / "src/cordon" / name).write_text(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
