"""The contract as the generators of the bindings read it: abi/symbols.json, the comments of abi/cordon.h on the status
numbers, and the schemas of the documents.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The schemas that become types, by the name of their file.
ACTION, EVENT, OPTIONS = "action", "event", "options"


def symbols():
    return json.loads((ROOT / "abi/symbols.json").read_text())


def schema(name):
    return json.loads((ROOT / f"plugin_manifest/schemas/{name}.schema.json").read_text())


def action_states():
    return [state for state in schema(ACTION)["properties"]["state"]["enum"] if state is not None]


def operations():
    return json.loads((ROOT / "plugin_manifest/operations.json").read_text())["operations"]


def status_comments():
    """What abi/cordon.h says about each status constant, one line each."""
    header = (ROOT / "abi/cordon.h").read_text()
    found = re.findall(r"/\*((?:(?!\*/).)*)\*/\s*#define (CORDON_\w+) \(?-?\d+\)?$", header, flags=re.M | re.S)
    return {name: re.sub(r"\s+", " ", text).strip() for text, name in found}


def words(name):
    return re.split(r"[_\-]", name.lower())


def pascal(name):
    return "".join(word.capitalize() for word in words(name))


def camel(name):
    first, *rest = words(name)
    return first + "".join(word.capitalize() for word in rest)


def status_word(constant):
    """CORDON_E_DEADLINE and CORDON_PENDING without what all of them share."""
    return re.sub(r"^CORDON_(E_)?", "", constant)


def table_members(contract):
    """(member, symbol) in the order of the table; two numbers come before them."""
    return [(s["table_member"], s["name"]) for s in contract["symbols"] if s["table_member"]]


def table_layout(contract):
    """(member, its byte offset) of the whole table, and the table's size, where pointers have 64 bits."""
    offsets = [("struct_size", 0), ("abi_version", 4)]
    offsets += [(member, 8 + 8 * number) for number, (member, _) in enumerate(table_members(contract))]
    return offsets, 8 * (len(offsets) - 1)


def is_nullable(member):
    kind = member.get("type")
    return isinstance(kind, list) and "null" in kind


def json_type(member):
    kind = member.get("type")
    return next(k for k in kind if k != "null") if isinstance(kind, list) else kind


def is_time(name, member):
    return json_type(member) == "string" and (name == "at" or name.endswith("_at"))


def is_text_map(member):
    values = member.get("additionalProperties")
    return json_type(member) == "object" and isinstance(values, dict) and values.get("type") == "string"


def deliver(files):
    """Writes {path: text}; with --check on the command line compares instead. Returns the exit code."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what the contract says; run {sys.argv[0]}", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    return 0
