#!/usr/bin/env python3
"""Writes cordon/status.hpp from abi/symbols.json, and cordon/documents.hpp from the published schemas.

    generate.py            write both
    generate.py --check    exit 1 if writing would change one
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent / "plugin_manifest/schemas"
HEAD = "// Made by generate.py; change what it reads, not this file.\n#pragma once\n\n"


def status_header(symbols):
    lines = ["/// What a call returned: 0 is success, above 0 a condition, below 0 an error.", "enum class Status : std::int32_t {"]
    for constant in symbols["constants"]:
        lines.append(f"  {constant['name'].removeprefix('CORDON_').lower()} = {constant['name']},")
    lines += ["};", "", "/// Every status with the name of its constant.", "struct StatusName {", "  Status status;", "  const char *name;", "};"]
    lines.append("inline constexpr StatusName kStatusNames[] = {")
    for constant in symbols["constants"]:
        lines.append(f"    {{Status::{constant['name'].removeprefix('CORDON_').lower()}, \"{constant['name']}\"}},")
    head = HEAD + "#include <cordon.h>\n\n#include <cstdint>\n\nnamespace cordon {\n\n"
    return head + "\n".join([*lines, "};"]) + "\n\n}  // namespace cordon\n"


class Member:
    """A member of a document: its C++ type, and how it is read and written."""

    def __init__(self, name, schema, required):
        self.name = name
        self.about = schema.get("description", "")
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        kind = next(t for t in types if t != "null")
        if name == "labels":
            kind = "labels"
        elif name == "action":
            kind = "action"
        self.kind = kind
        self.optional = ("null" in types or not required) and kind not in ("object", "labels")
        self.type = {
            "string": "std::string", "integer": "std::int64_t", "boolean": "bool", "object": "json::Value",
            "labels": "std::map<std::string, std::string>", "action": "Action",
        }[kind]  # fmt: skip

    def declared(self):
        type_ = f"std::optional<{self.type}>" if self.optional else self.type
        initial = {"std::int64_t": " = 0", "bool": " = false"}.get(type_, "")
        return [*([f"  /// {self.about}"] if self.about else []), f"  {type_} {self.name}{initial};"]

    def read(self):
        return f'  json::read(document, "{self.name}", made.{self.name});'

    def written(self, omits):
        """An option that is not set is not said; a document says null."""
        function = "write_if_set" if omits else "write"
        return f'  json::{function}(document, "{self.name}", made.{self.name});'


def members(schema):
    required = set(schema.get("required", []))
    return [Member(name, of, name in required) for name, of in schema["properties"].items()]


def structure(name, about, schema, omits=False):
    found = members(schema)
    lines = [f"/// {about}", f"struct {name} {{"]
    for member in found:
        lines += member.declared()
    lines += ["};", ""]
    lines += [f"inline {name} read_{name.lower()}(const json::Value &document) {{", f"  {name} made;"]
    lines += [member.read() for member in found]
    lines += ["  return made;", "}", f"inline void read_value(const json::Value &value, {name} &out) {{"]
    lines += [f"  out = read_{name.lower()}(value);", "}", ""]
    lines += [f"inline json::Value to_json(const {name} &made) {{", "  json::Value document = json::Value::object();"]
    lines += [member.written(omits) for member in found]
    return [*lines, "  return document;", "}", ""]


def documents_header(action, event, options):
    states = filter(None, action["properties"]["state"]["enum"])
    lines = [
        "/// The words of Action::state. A newer library may say others.",
        "namespace state {",
        *(f'inline constexpr std::string_view {word} = "{word}";' for word in states),
        "}  // namespace state",
        "",
        *structure("Action", "Where an action stands. Times are RFC 3339, UTC.", action),
        *structure("Event", "One record of the journal.", event),
        *structure("Options", "Options of a call; what is not set is not said.", options, omits=True),
    ]
    includes = ["cstdint", "map", "optional", "string", "string_view"]
    return (
        HEAD + "".join(f"#include <{name}>\n" for name in includes) + '\n#include "json.hpp"\n\nnamespace cordon {\n\n'
        + "\n".join(lines) + "\n}  // namespace cordon\n"
    )  # fmt: skip


def main():
    def schema(name):
        return json.loads((SCHEMAS / f"{name}.schema.json").read_text())

    written = {
        "status.hpp": status_header(json.loads((HERE.parent / "symbols.json").read_text())),
        "documents.hpp": documents_header(schema("action"), schema("event"), schema("options")),
    }
    stale = 0
    for name, text in written.items():
        path = HERE / "cordon" / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif path.read_text() != text:
            stale = 1
            print(f"cordon/{name} is not what generate.py makes of symbols.json and the schemas; run it", file=sys.stderr)
    return stale


if __name__ == "__main__":
    sys.exit(main())
