#!/usr/bin/env python3
"""Writes the members of the table as MEMBER(name) lines, for a C or C++ program that asserts their places.

    table_members.py <symbols.json> <header to write>
"""

import json
import sys
from pathlib import Path


def main():
    symbols = json.loads(Path(sys.argv[1]).read_text())
    names = ["struct_size", "abi_version"] + [s["table_member"] for s in symbols["symbols"] if s["table_member"]]
    Path(sys.argv[2]).write_text("".join(f"MEMBER({name})\n" for name in names))


if __name__ == "__main__":
    main()
