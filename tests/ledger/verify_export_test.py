#!/usr/bin/env python3
"""Changes a true export in every way the auditor must notice: verify_export_test.py EXPORT PUBLIC_KEY"""

import sys

from verify_export import Refused, verify


def accepts(data, key):
    try:
        lines = data.decode("utf-8").split("\n")
        return verify([line + "\n" for line in lines[:-1]] + lines[-1:] * (lines[-1] != ""), key) > 0
    except (Refused, UnicodeDecodeError):
        return False


def changes(data):
    for place, byte in enumerate(data):
        for other in {byte ^ 1, byte ^ 0x20}:
            yield f"byte {place} {byte:#x} made {other:#x}", data[:place] + bytes([other]) + data[place + 1 :]
        yield f"byte {place} removed", data[:place] + data[place + 1 :]
    lines = data.splitlines(keepends=True)
    for place in range(len(lines)):
        yield f"line {place + 1} removed", b"".join(lines[:place] + lines[place + 1 :])
        yield f"line {place + 1} doubled", b"".join(lines[: place + 1] + lines[place:])
        for other in range(place + 1, len(lines)):
            moved = list(lines)
            moved[place], moved[other] = moved[other], moved[place]
            yield f"lines {place + 1} and {other + 1} exchanged", b"".join(moved)
    for end in range(1, len(lines)):
        yield f"cut behind line {end}", b"".join(lines[:end])


def main(name, key):
    with open(name, "rb") as file:
        data = file.read()
    if not accepts(data, key):
        print("the true export is refused")
        return 1
    tried = 0
    for what, changed in changes(data):
        tried += 1
        # Cut right behind an earlier checkpoint it is a true export again, of less.
        if accepts(changed, key) and not (what.startswith(("cut", "line")) and data.startswith(changed)):
            print(f"accepted all the same: {what}")
            return 1
    print(f"refused {tried} changes")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
