"""A reader of vault files, written from src/vault/FORMAT.md alone, on PyNaCl (python3-nacl). Shares no code with Cordon.

    python3 vault_reader.py FILE KEY_FILE       lists names and sizes of the secrets
"""

import base64
import datetime
import hashlib
import json
import re
import struct
import sys

from nacl import bindings, exceptions

MAX_FILE, MAX_LINE, MAX_SLOTS = 16 << 20, 16384, 16
MAX_WORK = 12582912
ARGON2ID13 = 2


class Malformed(Exception):
    """Step 1 of "Opening": breaks a rule that needs no key."""


class WrongKey(Exception):
    """Step 2: no slot opens."""


class Corrupt(Exception):
    """Step 3: a slot opens, but what follows is not what was written."""


def need(condition, error, what):
    if not condition:
        raise error(what)


def unbase64(text, error):
    need(re.fullmatch(rb"[A-Za-z0-9+/]*", text) and len(text) % 4 != 1, error, "not base64")
    raw = base64.b64decode(text + b"=" * (-len(text) % 4))
    need(base64.b64encode(raw).rstrip(b"=") == text, error, "unused bits of base64 are set")
    return raw


def number(text, low, high):
    need(re.fullmatch(rb"[1-9][0-9]{0,19}", text) and low <= int(text) <= high, Malformed, "a number")
    return int(text)


def blake2b(key, text):
    return hashlib.blake2b(text, digest_size=32, key=key).digest()


def fields(*items):
    return b"".join(struct.pack("<Q", len(item)) + item for item in items)


def derive(key, label, *context):
    return blake2b(key, fields(label, *context))


def unseal(key, sealed, associated):
    """None when it does not open."""
    if len(sealed) < 40:
        return None
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], associated, sealed[:24], key)
    except exceptions.CryptoError:
        return None


def padded_size(size):
    if size > 1 << 20:
        return -(-size >> 20) << 20
    padded = 4096
    while padded < size:
        padded *= 2
    return padded


class Slot:
    def __init__(self, line, body):
        self.line = line
        words = line[3:].split(b" ")
        need(len(words) >= 2, Malformed, "a slot without an id")
        self.kind, self.id, self.arguments = words[0], words[1], words[2:]
        need(re.fullmatch(rb"[a-z][a-z0-9-]{0,31}", self.kind), Malformed, "a slot's kind")
        need(re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", self.id), Malformed, "a slot's id")
        for argument in self.arguments:
            need(re.fullmatch(rb"[\x21-\x7e]+", argument), Malformed, "a slot's argument")
        self.body = unbase64(body, Malformed)
        need(self.body, Malformed, "a slot's body is empty")
        self.work = 0
        if self.kind in (b"keyfile", b"argon2id"):
            need(len(self.arguments) == (1 if self.kind == b"keyfile" else 3), Malformed, "a slot's arguments")
            self.salt = unbase64(self.arguments[0], Malformed)
            need(len(self.salt) == 16, Malformed, "a salt")
            need(len(self.body) == 72, Malformed, "a wrapped key")
        if self.kind == b"argon2id":
            self.passes = number(self.arguments[1], 1, 10)
            self.memory_kib = number(self.arguments[2], 65536, 1048576)
            self.work = self.passes * self.memory_kib

    def wrapping_key(self, kind, credential):
        """None when the credential is not for this slot."""
        if self.kind == b"keyfile" and kind == "key":
            return derive(credential, b"cordon-vault/v1 keyfile", self.salt)
        if self.kind == b"argon2id" and kind == "passphrase":
            return bindings.crypto_pwhash_alg(32, credential, self.salt, self.passes, self.memory_kib * 1024, ARGON2ID13)
        return None


class Vault:
    """Step 1."""

    def __init__(self, text):
        need(len(text) <= MAX_FILE, Malformed, "too long")
        self.text, self.at = text, 0
        need(self.line() == b"cordon-vault/v1", Malformed, "the first line")
        self.slots = []
        while text.startswith(b"-> ", self.at):
            need(len(self.slots) < MAX_SLOTS, Malformed, "too many slots")
            self.slots.append(Slot(self.line(), self.line()))
            need(len({slot.id for slot in self.slots}) == len(self.slots), Malformed, "a slot's id twice")
            need(sum(slot.work for slot in self.slots) <= MAX_WORK, Malformed, "too much work")
        need(self.slots, Malformed, "no slot")
        words = self.line().split(b" ")
        need(len(words) == 3 and words[0] == b"@", Malformed, "the line of the vault's id")
        uuid = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        need(re.fullmatch(uuid, words[1]), Malformed, "the vault's id")
        self.id = words[1]
        self.generation = number(words[2], 1, 2**63 - 1)
        mac_begin = self.at
        mac_line = self.line()
        need(mac_line.startswith(b"--- "), Malformed, "the line of the MAC")
        self.mac = unbase64(mac_line[4:], Malformed)
        need(len(self.mac) == 32, Malformed, "the MAC")
        self.head = text[: mac_begin + 3]
        self.head_and_mac = text[: self.at]
        self.sealed = text[self.at :]
        plain = len(self.sealed) - 40
        need(plain > 0 and padded_size(plain) == plain, Malformed, "the payload's length")

    def line(self):
        end = self.text.find(b"\n", self.at, self.at + MAX_LINE + 1)
        need(end >= 0, Malformed, "a line without an end")
        found = self.text[self.at : end]
        self.at = end + 1
        return found

    def store_key(self, kind, credential):
        """Step 2."""
        for slot in self.slots:
            key = slot.wrapping_key(kind, credential)
            if key is None:
                continue
            found = unseal(key, slot.body, fields(b"cordon-vault/v1 slot", self.id, slot.line))
            if found is not None:
                return found
        raise WrongKey("no slot opens")

    def payload(self, store_key):
        """Step 3."""
        mac = blake2b(derive(store_key, b"cordon-vault/v1 mac", self.id), self.head)
        need(mac == self.mac, Corrupt, "the MAC")
        key = derive(store_key, b"cordon-vault/v1 body", self.id)
        padded = unseal(key, self.sealed, self.head_and_mac)
        need(padded is not None, Corrupt, "the payload")
        text = padded.rstrip(b"\0")
        need(text.endswith(b"\x80") and padded_size(len(text)) == len(padded), Corrupt, "the padding")
        return read_payload(text[:-1])


def depth(text):
    """How deep objects and arrays are nested."""
    deepest = level = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.DOTALL):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        deepest = max(deepest, level)
    return deepest


def canonical_object(pairs):
    need(len({key for key, _ in pairs}) == len(pairs), Corrupt, "a key twice")
    return dict(pairs)


def refuse(_):
    raise Corrupt("a number that is no integer")


def integer(text):
    need(len(text) <= 20 and -(2**63) <= int(text) < 2**64, Corrupt, "an integer out of range")
    return int(text)


def read_payload(raw):
    try:
        text = raw.decode("utf-8")
        need(depth(text) <= 8, Corrupt, "nested too deep")
        root = json.loads(text, object_pairs_hook=canonical_object, parse_float=refuse, parse_int=integer,
                          parse_constant=refuse)  # fmt: skip
        again = json.dumps(root, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        raise Corrupt(str(error)) from error
    need(again == raw, Corrupt, "not in canonical form")
    need(isinstance(root, dict) and isinstance(root.get("secrets"), dict), Corrupt, "no secrets")
    former = root.get("former_keys", [])
    need(isinstance(former, list) and len(former) <= 16, Corrupt, "former keys")
    for key in former:
        need(isinstance(key, str) and len(unbase64(key.encode(), Corrupt)) == 32, Corrupt, "a former key")
    return {name: secret_of(name, entry) for name, entry in root["secrets"].items()}


def secret_of(name, entry):
    need(re.fullmatch(r"[A-Za-z0-9._-]{1,128}", name), Corrupt, "a secret's name")
    need(isinstance(entry, dict) and {"created", "not_after", "purpose", "value"} <= entry.keys(), Corrupt, "a secret")
    need(is_time(entry["created"]), Corrupt, "created")
    need(entry["not_after"] is None or is_time(entry["not_after"]), Corrupt, "not_after")
    need(isinstance(entry["purpose"], str) and len(entry["purpose"].encode()) <= 256, Corrupt, "purpose")
    need(isinstance(entry["value"], str), Corrupt, "value")
    value = unbase64(entry["value"].encode(), Corrupt)
    need(1 <= len(value) <= 65536, Corrupt, "a value's length")
    return value


def is_time(text):
    if not isinstance(text, str):
        return False
    form = r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?(Z|z|\+00:00)"
    found = re.fullmatch(form, text)
    try:
        return bool(found and datetime.datetime.fromisoformat(f"{found[1]}T{found[2]}"))
    except ValueError:
        return False


def open_vault(text, kind, credential):
    """name -> value. `kind`: "key" (32 bytes) or "passphrase". Raises Malformed, WrongKey or Corrupt."""
    vault = Vault(text)
    return vault.payload(vault.store_key(kind, credential))


def verdict(text, kind, credential):
    """In the words of the vectors, with the secrets when it opens."""
    try:
        return "ok", open_vault(text, kind, credential)
    except Malformed:
        return "malformed", {}
    except WrongKey:
        return "wrong-key", {}
    except Corrupt:
        return "corrupt", {}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as vault_file, open(sys.argv[2], "rb") as key_file:
        key = key_file.read()
        if len(key) != 32:
            key = bytes.fromhex(key.decode("ascii").removesuffix("\n"))
        for secret, value in open_vault(vault_file.read(), "key", key).items():
            print(f"{secret}: {len(value)} bytes")
