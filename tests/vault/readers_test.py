#!/usr/bin/env python3
"""Cordon's vault reader and the independent one (vault_reader.py) say the same of every file.

    readers_test.py <vault_verdict> <folder of the vectors> [--every-byte-value]

With --every-byte-value the mutations of the small vault's body take all 255 other values of each byte instead of the
eight that differ in one bit; that is over a million files for each reader.
"""

import base64
import random
import re
import subprocess
import sys
import unittest
from pathlib import Path

import vault_reader

VERDICT, VECTORS, EVERY_VALUE = "", Path(), False
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "0": "\0", "h": "\xff"}


def unescape(text):
    return re.sub(r"\\(.)", lambda found: ESCAPES[found[1]], text).encode("latin-1")


class Vector:
    """One file of the vectors' folder; make.py there says what its lines mean."""

    def __init__(self, name):
        self.lines, self.secrets, self.file = {}, {}, b""
        lines = (VECTORS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        head = lines[: lines.index("file:")] if "file:" in lines else lines
        for line in head:
            key, _, value = line.partition(": ")
            if key == "secret":
                secret, _, text = value.partition("=")
                self.secrets[secret] = text.encode()
            else:
                self.lines[key.rstrip(":")] = value
        if "file:" in lines:
            self.file = base64.b64decode("".join(lines[len(head) + 1 :]))
        if "base" in self.lines:
            base = Vector(self.lines["base"])
            self.file = self.edited(base.file)
            if not {"key", "passphrase"} & self.lines.keys():
                self.lines |= {kind: base.lines[kind] for kind in ("key", "passphrase") if kind in base.lines}

    def edited(self, file):
        if "replace" in self.lines:
            old, _, new = self.lines["replace"].partition(" =>")
            assert unescape(old) in file, self.lines
            file = file.replace(unescape(old), unescape(new.removeprefix(" ")), 1)
        if "flip" in self.lines:
            changed = bytearray(file)
            changed[int(self.lines["flip"])] ^= 1
            file = bytes(changed)
        file += bytes.fromhex(self.lines.get("append", ""))
        return file[: len(file) - int(self.lines.get("truncate", 0))]

    def credential(self):
        if "passphrase" in self.lines:
            return "passphrase", self.lines["passphrase"].encode()
        return "key", bytes.fromhex(self.lines.get("key", "00" * 32))


class Cordon:
    """The other reader, in a process of its own."""

    def __init__(self):
        self.process = subprocess.Popen([VERDICT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=60)

    def verdict(self, file, kind, credential):
        return self.verdicts([file], kind, credential)[0]

    def verdicts(self, files, kind, credential):
        """Few enough at once for the answers to fit into the pipe."""
        for file in files:
            self.process.stdin.write(b"%s %d %d\n" % (kind.encode(), len(credential), len(file)) + credential + file)
        self.process.stdin.flush()
        out = []
        for _ in files:
            word, *secrets = self.process.stdout.readline().decode().split()
            pairs = (secret.split("=") for secret in secrets)
            out.append((word, {name: bytes.fromhex(value) for name, value in pairs}))
        return out


class Readers(unittest.TestCase):
    def setUp(self):
        self.cordon = Cordon()

    def tearDown(self):
        self.assertEqual(self.cordon.close(), 0, "vault_verdict crashed")

    def both(self, file, kind, credential, about):
        ours = self.cordon.verdict(file, kind, credential)
        self.assertEqual(ours, vault_reader.verdict(file, kind, credential), about)
        return ours

    def test_every_vector_is_read_as_it_says(self):
        names = sorted(path.stem for path in VECTORS.glob("*.txt"))
        self.assertGreaterEqual(len(names), 80)
        for name in names:
            vector = Vector(name)
            said = self.both(vector.file, *vector.credential(), name)
            self.assertEqual(said, (vector.lines["expect"], vector.secrets), f"{name}: {vector.lines['reason']}")

    def test_no_byte_of_a_small_vault_can_change(self):
        vector = Vector("ok_key")
        kind, credential = vector.credential()
        head = vector.file.index(b"\n--- ") + 4 + 44
        for at, old in enumerate(vector.file):
            values = set(range(256)) if at < head or EVERY_VALUE else {old ^ 1 << bit for bit in range(8)}
            values.discard(old)
            files = [vector.file[:at] + bytes([value]) + vector.file[at + 1 :] for value in sorted(values)]
            ours = [word for begin in range(0, len(files), 8)
                    for word, _ in self.cordon.verdicts(files[begin : begin + 8], kind, credential)]  # fmt: skip
            theirs = [vault_reader.verdict(file, kind, credential)[0] for file in files]
            self.assertEqual(ours, theirs, f"byte {at}")
            self.assertNotIn("ok", ours, f"byte {at}")

    def test_a_vault_of_any_length_is_refused_alike(self):
        vector = Vector("ok_key")
        kind, credential = vector.credential()
        file = vector.file
        sizes = [*range(0, 700), *range(700, len(file), 61), len(file) - 1]
        for size in sizes:
            self.assertEqual(self.both(file[:size], kind, credential, size)[0], "malformed")
        for size in (1, 4096, 65536, 1 << 20, (16 << 20) - len(file), (16 << 20) - len(file) + 1, 17 << 20):
            longer = self.both(file + bytes(size), kind, credential, size)[0]
            self.assertIn(longer, ("malformed", "corrupt"))  # some lengths are those of a longer payload
            self.assertEqual(self.both(b"A" * size, kind, credential, size)[0], "malformed")
            self.assertEqual(self.both(b"cordon-vault/v1\n-> " + b"a" * size, kind, credential, size)[0], "malformed")

    def test_what_is_spliced_together_is_judged_alike(self):
        chance = random.Random(7)
        names = ("ok_key", "ok_both", "ok_unknown_slot", "ok_sixteen_slots", "ok_second_page", "ok_former_keys")
        vectors = [Vector(name) for name in names]
        credential = vectors[0].credential()
        words = [b"\n", b" ", b"-> ", b"@ ", b"--- ", b"\r", b"\t", b"=", b"A", b"0", b"keyfile", b"argon2id 1 65536"]
        for round_ in range(3000):
            file = chance.choice(vectors).file
            for _ in range(chance.randint(1, 3)):
                other = chance.choice(vectors).file
                begin, end = sorted((chance.randrange(700), chance.randrange(700)))
                piece = chance.choice([b"", other[begin:end], chance.choice(words), chance.randbytes(3)])
                at = chance.randrange(700)
                file = file[:at] + piece + file[at + chance.choice([0, 0, 1, len(piece)]) :]
            self.both(file, *credential, f"round {round_}")


if __name__ == "__main__":
    VERDICT, VECTORS = sys.argv[1], Path(sys.argv[2])
    EVERY_VALUE = "--every-byte-value" in sys.argv
    unittest.main(argv=sys.argv[:1])
