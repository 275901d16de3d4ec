#!/usr/bin/env python3
"""Breaks the contract on purpose, each time in a fresh copy, and sees that check_contract.py notices.
Prints the list: what was done, and which checks complained.

    break_contract_test.py <source root>

The library of a copy is the image that abi_image.py makes of its header and map, so every break is carried through to a
real shared library, as a careless change would be.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from abi_image import build_image

COPIED = ("abi/cordon.h", "abi/cordon.map", "abi/symbols.json", "abi/baseline", "README.md",
          "plugin_manifest/cordon.plugin.json", "tests/abi")  # fmt: skip
HEADER, MAP, SYMBOLS = "abi/cordon.h", "abi/cordon.map", "abi/symbols.json"
INTERRUPT = r"CORDON_API int32_t cordon_interrupt\([^;]*;"
INTERRUPT_MEMBER = r"  int32_t \(\*interrupt\)\([^;]*;\n"
WITHDRAW_MEMBER = r"  int32_t \(\*withdraw\)\([^;]*;\n"
LATER = "CORDON_API int32_t cordon_later(cordon_client *client, cordon_error **error);"
LATER_MEMBER = "  int32_t (*later)(cordon_client *client, cordon_error **error);\n"


class Copy:
    """A source tree with what the check reads. Changes must find what they change."""

    def __init__(self, root, folder):
        self.root = Path(folder)
        for name in COPIED:
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (root / name).is_dir() else shutil.copyfile)(root / name, target)

    def change(self, name, pattern, replacement, flags=re.S):
        path = self.root / name
        text, count = re.subn(pattern, replacement, path.read_text(), flags=flags)
        if count == 0:
            raise AssertionError(f"nothing to break: {pattern} is not in {name}")
        path.write_text(text)

    def swap(self, name, first, second):
        path = self.root / name
        text = path.read_text()
        one, other = re.search(first, text, re.S)[0], re.search(second, text, re.S)[0]
        path.write_text(text.replace(one, "\0").replace(other, one).replace("\0", other))

    def check(self, *more):
        """What the check says of this tree and the library built from it; "" for nothing."""
        library = build_image(self.root, "libcordon.so.1", self.root / "libcordon.so.1")
        command = [sys.executable, "-B", self.root / "tests/abi/check_contract.py", self.root, library, *more]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        return result.stderr if result.returncode != 0 else ""


# ---- The breaks ----


def remove(copy):
    copy.change(HEADER, INTERRUPT, "")
    copy.change(HEADER, INTERRUPT_MEMBER, "")


def remove_everywhere(copy):
    """As somebody would who makes the check happy: all five places at once."""
    remove(copy)
    copy.change(MAP, r"    cordon_interrupt;\n", "")
    copy.change(SYMBOLS, r"  \{\n   \"name\": \"cordon_interrupt\".*?\n  \},\n", "")


def remove_from_table(copy):
    copy.change(HEADER, INTERRUPT_MEMBER, "")


def reorder(copy):
    copy.swap(HEADER, INTERRUPT_MEMBER, WITHDRAW_MEMBER)


def reorder_everywhere(copy):
    copy.swap(HEADER, INTERRUPT_MEMBER, WITHDRAW_MEMBER)
    copy.swap(HEADER, INTERRUPT, r"CORDON_API int32_t cordon_withdraw\([^;]*;")
    copy.swap(MAP, "cordon_interrupt", "cordon_withdraw")


def insert_in_the_middle(copy):
    copy.change(HEADER, f"({INTERRUPT})", rf"{LATER}\n\1")
    copy.change(HEADER, f"({INTERRUPT_MEMBER})", rf"{LATER_MEMBER}\1")
    copy.change(MAP, "    cordon_interrupt;\n", "    cordon_later;\n    cordon_interrupt;\n")


def grow_the_head(copy):
    copy.change(HEADER, r"  uint32_t abi_version; /\*", "  uint64_t abi_version; /*")


def change_a_parameter(copy):
    copy.change(HEADER, "int32_t wait_ms", "int64_t wait_ms")


def change_a_parameter_of_the_table_alone(copy):
    copy.change(HEADER, r"(\(\*poll_action\)\([^;]*)int32_t wait_ms", r"\1int64_t wait_ms")


def change_a_result(copy):
    copy.change(HEADER, r"void cordon_string_free\(", "int32_t cordon_string_free(")
    copy.change(HEADER, r"void \(\*string_free\)", "int32_t (*string_free)")


def drop_a_const(copy):
    copy.change(HEADER, r"const char \*(\(\*manifest\)|cordon_manifest)", r"char *\1")


def forget_the_map(copy):
    copy.change(HEADER, "(/\\* ---- The table ---- \\*/)", rf"{LATER}\n\n\1")
    copy.change(HEADER, r"(  void \(\*string_free\)\(char \*text\);\n)", rf"\1{LATER_MEMBER}")


def forget_the_table(copy):
    copy.change(HEADER, "(/\\* ---- The table ---- \\*/)", rf"{LATER}\n\n\1")
    copy.change(MAP, "    cordon_string_free;\n", "    cordon_string_free;\n    cordon_later;\n")


def export_everything(copy):
    copy.change(MAP, r"  local:\n    \*;\n", "")


def rename_the_node(copy):
    copy.change(MAP, "CORDON_1.0", "CORDON_1.1")


def change_a_number(copy):
    copy.change(HEADER, r"#define CORDON_E_DEADLINE \(-11\)", "#define CORDON_E_DEADLINE (-31)")


def swap_two_numbers(copy):
    copy.change(HEADER, r"#define CORDON_E_NETWORK \(-13\)", "#define CORDON_E_NETWORK (-14)")
    copy.change(HEADER, r"#define CORDON_E_TLS \(-14\)", "#define CORDON_E_TLS (-13)")


def remove_a_constant(copy):
    copy.change(HEADER, r"#define CORDON_DRY_RUN 8\n", "")


def forget_the_readme(copy):
    copy.change("README.md", "cordon_withdraw", "withdraw")


def forget_the_manifest(copy):
    copy.change("plugin_manifest/cordon.plugin.json", '"version": 1000000', '"version": 1001000')


def forget_symbols(copy):
    copy.change(SYMBOLS, '"cordon_interrupt"', '"cordon_intrrupt"')


def edit_the_frozen_header(copy):
    copy.change("abi/baseline/1.0.0/cordon.h", "int32_t wait_ms", "int64_t wait_ms")


BREAKS = (
    remove, remove_everywhere, remove_from_table, reorder, reorder_everywhere, insert_in_the_middle, grow_the_head,
    change_a_parameter, change_a_parameter_of_the_table_alone, change_a_result, drop_a_const, forget_the_map,
    forget_the_table, export_everything, rename_the_node, change_a_number, swap_two_numbers, remove_a_constant,
    forget_the_readme, forget_the_manifest, forget_symbols, edit_the_frozen_header,
)  # fmt: skip
# symbols.json written anew after the break, as its author might: what was released must still hold.
COVERED_UP = {
    remove, remove_everywhere, reorder_everywhere, insert_in_the_middle, change_a_parameter, change_a_result,
    forget_the_map, forget_the_table, change_a_number, swap_two_numbers, remove_a_constant,
}  # fmt: skip


def append(copy):
    """What a minor release does, complete: nothing to complain about."""
    copy.change(HEADER, "(/\\* ---- The table ---- \\*/)", rf"{LATER}\n\n\1")
    copy.change(HEADER, r"(  void \(\*string_free\)\(char \*text\);\n)", rf"\1{LATER_MEMBER}")
    copy.change(MAP, "    cordon_string_free;\n", "    cordon_string_free;\n    cordon_later;\n")
    copy.change("README.md", "cordon_withdraw", "cordon_later, cordon_withdraw")


def said_of(root, change, *more):
    with tempfile.TemporaryDirectory(prefix="cordon-break-") as folder:
        copy = Copy(root, folder)
        if change is not None:
            change(copy)
        return copy.check(*more)


def headlines(text):
    """The checks that complained."""
    found = [line.removeprefix("differs: ").rstrip(":") for line in text.splitlines() if line.startswith("differs:")]
    return "; ".join(found)


def main():
    root = Path(sys.argv[1]).resolve()
    failed = False
    for change, more in ((None, ()), (append, ("--write-symbols",))):
        said = said_of(root, change, *more)
        print(f"{'untouched' if change is None else 'append':40} {'nothing to say' if not said else said}")
        failed |= bool(said)
    for change in BREAKS:
        for more in ((), ("--write-symbols",)) if change in COVERED_UP else ((),):
            name = change.__name__.replace("_", " ") + (", symbols.json too" if more else "")
            said = said_of(root, change, *more)
            print(f"{name:40} {headlines(said) or said[-300:] or 'NOT NOTICED'}", flush=True)
            failed |= not said
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
