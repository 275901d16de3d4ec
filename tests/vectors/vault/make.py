#!/usr/bin/env python3
"""Writes the vectors of this folder, from src/vault/FORMAT.md and libsodium alone; shares no code with Cordon.

A vector is lines "name: value", then perhaps "file:" and the file in base64.
  expect   ok | malformed (step 1 of "Opening") | wrong-key (step 2) | corrupt (step 3)
  reason   why
  key, passphrase   the credential: 64 hex digits, or text
  secret   name=value, for ok: one line each, and there are no others
  base     another vector, whose file and credential these edits change:
  replace  OLD => NEW, first occurrence, with \\n \\r \\t \\s (space) \\0 \\h (0xff)
  flip     position of a byte whose lowest bit changes; negative: from the end
  append   hex digits          truncate   bytes to cut from the end
"""
import base64, ctypes, hashlib, json, os, struct

sodium = ctypes.CDLL("libsodium.so.23")
assert sodium.sodium_init() >= 0
HERE = os.path.dirname(os.path.abspath(__file__))
KEY = hashlib.sha256(b"vector key").digest()
OTHER_KEY = hashlib.sha256(b"another key").digest()
PASSPHRASE = b"correct horse battery staple"
VAULT_ID = "0b1f7a52-6a3c-4d0e-9a51-3c1d2e4f5a6b"


def size(n):
    return ctypes.c_ulonglong(n)


def blake(key, text):
    out = ctypes.create_string_buffer(32)
    assert sodium.crypto_generichash(out, ctypes.c_size_t(32), text, size(len(text)), key, ctypes.c_size_t(len(key))) == 0
    return out.raw


def fields(*items):
    return b"".join(struct.pack("<Q", len(i)) + i for i in items)


def derive(key, label, *context):
    return blake(key, fields(label.encode(), *context))


class Chance:
    """The same 'random' bytes in every run."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0

    def bytes(self, n):
        self.count += 1
        return hashlib.sha512(f"{self.seed} {self.count}".encode()).digest()[:n]


def seal(key, plain, ad, chance):
    nonce = chance.bytes(24)
    out = ctypes.create_string_buffer(len(plain) + 16)
    assert sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(out, None, plain, size(len(plain)), ad, size(len(ad)), None, nonce, key) == 0
    return nonce + out.raw


def b64(raw):
    return base64.b64encode(raw).decode().rstrip("=")


def argon2id(passphrase, salt, passes, kib):
    out = ctypes.create_string_buffer(32)
    assert sodium.crypto_pwhash(out, size(32), passphrase, size(len(passphrase)), salt, size(passes), ctypes.c_size_t(kib * 1024), 2) == 0
    return out.raw


def padded(text):
    n, want = len(text) + 1, 4096
    while want < n and want < 1 << 20:
        want *= 2
    if n > 1 << 20:
        want = ((n + (1 << 20) - 1) >> 20) << 20
    return text + b"\x80" + bytes(want - n)


def entry(secret, **more):
    return {"created": "2026-02-03T10:11:12.25Z", "not_after": None, "purpose": "", "value": b64(secret), **more}


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def vault(name, slots=("keyfile",), secrets=None, text=None, plain=None, generation=7, mac_of=None, wrapped=None):
    chance = Chance(name)
    store_key = chance.bytes(32)
    lines = ["cordon-vault/v1"]
    for i, slot in enumerate(slots):
        salt = chance.bytes(16)
        if slot == "keyfile":
            line, wrap = f"-> keyfile slot{i} {b64(salt)}", derive(KEY, "cordon-vault/v1 keyfile", salt)
        elif slot == "argon2id":
            line, wrap = f"-> argon2id slot{i} {b64(salt)} 1 65536", argon2id(PASSPHRASE, salt, 1, 65536)
        else:
            lines += list(slot)
            continue
        ad = fields(b"cordon-vault/v1 slot", VAULT_ID.encode(), line.encode())
        lines += [line, b64(seal(wrap, wrapped or store_key, ad, chance))]
    lines += [f"@ {VAULT_ID} {generation}", "---"]
    head = "\n".join(lines).encode()
    mac = blake(derive(store_key, "cordon-vault/v1 mac", VAULT_ID.encode()), mac_of(head) if mac_of else head)
    head += b" " + b64(mac).encode() + b"\n"
    if text is None:
        text = canonical({"secrets": {k: entry(v) for k, v in (secrets or {}).items()}})
    if plain is None:
        plain = padded(text)
    return head + seal(derive(store_key, "cordon-vault/v1 body", VAULT_ID.encode()), plain, head, chance)


def write(name, expect, reason, credential=("key", KEY.hex()), secrets=None, file=None, **edits):
    lines = [f"expect: {expect}", f"reason: {reason}"]
    if credential:
        lines.append(f"{credential[0]}: {credential[1]}")
    lines += [f"secret: {k}={v.decode()}" for k, v in sorted((secrets or {}).items())]
    lines += [f"{k}: {v}".rstrip() for k, v in edits.items()]
    if file is not None:
        text = base64.b64encode(file).decode()
        lines += ["file:"] + [text[i:i + 118] for i in range(0, len(text), 118)]
    with open(os.path.join(HERE, name + ".txt"), "w") as out:
        out.write("\n".join(lines) + "\n")


def by_key(name, expect, reason, secrets=None, **how):
    write(name, expect, reason, secrets=secrets if expect == "ok" else None, file=vault(name, secrets=secrets, **how))


TWO = {"contoso-app": b"s3cret", "fabrikam.cert_1": b"-----BEGIN"}
def dear(name, cost):
    """An Argon2id slot that nothing opens."""
    return f"-> argon2id {name} {b64(bytes(16))} {cost}", b64(bytes(72))


def former(count, size=32):
    return [b64(bytes([i]) * size) for i in range(count)]


UNKNOWN = ("-> tpm2 chip-1 sha256:0,7 pcr", b64(bytes(range(200))))

by_key("ok_key", "ok", "two secrets behind a key", TWO)
by_key("ok_empty", "ok", "no secret yet", {})
by_key("ok_unknown_slot", "ok", "a slot of a kind from the future is passed over", TWO, slots=(UNKNOWN, "keyfile"))
by_key("ok_unknown_slot_without_arguments", "ok", "a kind may have no arguments", TWO, slots=(("-> x y", "AA"), "keyfile"))
by_key("ok_sixteen_slots", "ok", "the last of sixteen slots opens", TWO,
       slots=tuple((f"-> other s{i}", "AA") for i in range(15)) + ("keyfile",))
by_key("ok_last_generation", "ok", "the highest generation", TWO, generation=2**63 - 1)
for name, why, length in [("ok_full_page", "JSON and its mark fill 4096 bytes exactly", 4095),
                          ("ok_second_page", "one byte more goes to 8192", 4096)]:
    short = canonical({"secrets": {"a": entry(b"x" * 2900)}})
    full = canonical({"secrets": {"a": entry(b"x" * 2900, purpose="p" * (length - len(short)))}})
    assert len(full) == length
    write(name, "ok", why, secrets={"a": b"x" * 2900}, file=vault(name, text=full))
write("ok_unknown_members", "ok", "members from the future are passed over", secrets={"a": b"b"},
      file=vault("ok_unknown_members", text=canonical({"later": [1, {}], "secrets": {"a": entry(b"b", origin="x")}})))
by_key("ok_most_work", "ok", "passphrase slots of as much work as a file may ask for", TWO,
       slots=(dear("a", "10 1048576"), dear("b", "2 1048576"), "keyfile"))
by_key("ok_default_slots", "ok", "fifteen passphrase slots of the usual cost", TWO,
       slots=tuple(dear(f"s{i}", "3 262144") for i in range(15)) + ("keyfile",))
for count in (0, 1, 16):
    text = canonical({"former_keys": former(count), "secrets": {"a": entry(b"b")}})
    name = {0: "ok_no_former_keys", 1: "ok_former_keys", 16: "ok_sixteen_former_keys"}[count]
    write(name, "ok", f"{count} former keys", secrets={"a": b"b"}, file=vault(name, text=text))
write("ok_passphrase", "ok", "a passphrase", ("passphrase", PASSPHRASE.decode()), TWO,
      vault("ok_passphrase", ("argon2id",), TWO))
both = vault("ok_both", ("argon2id", "keyfile"), TWO)
write("ok_both", "ok", "key and passphrase, opened by the key", secrets=TWO, file=both)
write("ok_both_by_passphrase", "ok", "the same file by its passphrase", ("passphrase", PASSPHRASE.decode()), TWO, base="ok_both")

write("wrong_key", "wrong-key", "another key", ("key", OTHER_KEY.hex()), base="ok_key")
write("wrong_passphrase", "wrong-key", "another passphrase", ("passphrase", PASSPHRASE.decode() + " "), base="ok_passphrase")
write("wrong_kind_key", "wrong-key", "no slot for a key", base="ok_passphrase")
write("wrong_kind_passphrase", "wrong-key", "no slot for a passphrase", ("passphrase", "x"), base="ok_key")
write("wrong_slot_id", "wrong-key", "the slot's line is associated data", None, base="ok_key", replace="slot0 => slot1")
write("wrong_vault_id", "wrong-key", "the vault's id is associated data", None, base="ok_key", replace="@ 0 => @ 1")
write("wrong_passes", "wrong-key", "another cost gives another key", None, base="ok_passphrase", replace="1 65536 => 2 65536")

write("corrupt_generation", "corrupt", "the MAC covers the generation", None, base="ok_key", replace="\\s7\\n => \\s8\\n")
write("corrupt_unknown_slot", "corrupt", "the MAC covers unknown slots", None, base="ok_unknown_slot", replace="chip-1 => chip-2")
write("corrupt_slot_added", "corrupt", "a slot was added without the store key", None, base="ok_key", replace="@ => -> other s\\nAA\\n@")
write("corrupt_last_byte", "corrupt", "a bit of the last byte", None, base="ok_key", flip=-1)
write("corrupt_body_nonce", "corrupt", "a bit of the nonce", None, base="ok_key", flip=-(4096 + 40))
write("corrupt_body_middle", "corrupt", "a bit of the ciphertext", None, base="ok_key", flip=-2000)
by_key("corrupt_mac_without_dashes", "corrupt", "the MAC covers the three dashes", TWO, mac_of=lambda head: head[:-3])
by_key("corrupt_store_key", "corrupt", "the slot opens to another store key", TWO, wrapped=OTHER_KEY)
by_key("corrupt_padding_mark", "corrupt", "no 0x80 behind the JSON", plain=b'{"secrets":{}}' + bytes(4096 - 14))
by_key("corrupt_padding_too_long", "corrupt", "more padding than needed", plain=b'{"secrets":{}}\x80' + bytes(8192 - 15))
by_key("corrupt_padding_only", "corrupt", "nothing but zeros", plain=bytes(4096))
for case, why, text in [
    ("empty", "no JSON", b""),
    ("array", "not an object", b"[]"),
    ("no_secrets", "no secrets", b"{}"),
    ("secrets_null", "secrets is null", b'{"secrets":null}'),
    ("space", "white space", b'{"secrets": {}}'),
    ("twice", "the same key twice", b'{"secrets":{},"secrets":{}}'),
    ("unsorted", "keys not sorted", b'{"secrets":{},"a":1}'),
    ("deep", "nested too deep", b'{"a":' + b"[" * 8 + b"]" * 8 + b',"secrets":{}}'),
    ("trailing", "something behind the JSON", b'{"secrets":{}}x'),
    ("not_utf8", "not UTF-8", b'{"\xff":1,"secrets":{}}'),
    ("bad_name", "a secret's name with a space", canonical({"secrets": {"a b": entry(b"x")}})),
    ("long_name", "a secret's name of 129 characters", canonical({"secrets": {"a" * 129: entry(b"x")}})),
    ("empty_value", "an empty value", canonical({"secrets": {"a": entry(b"")}})),
    ("padded_value", "padded base64", canonical({"secrets": {"a": entry(b"x", value="eA==")}})),
    ("value_bits", "base64 with unused bits set", canonical({"secrets": {"a": entry(b"x", value="eB")}})),
    ("no_created", "created is missing", canonical({"secrets": {"a": {"not_after": None, "purpose": "", "value": "eA"}}})),
    ("bad_time", "not_after is no time", canonical({"secrets": {"a": entry(b"x", not_after="tomorrow")}})),
    ("purpose_null", "purpose is null", canonical({"secrets": {"a": entry(b"x", purpose=None)}})),
    ("former_many", "seventeen former keys", canonical({"former_keys": former(17), "secrets": {}})),
    ("former_short", "a former key of 31 bytes", canonical({"former_keys": former(1, 31), "secrets": {}})),
    ("former_object", "former keys are no list", canonical({"former_keys": {}, "secrets": {}})),
    ("former_null", "a former key is null", canonical({"former_keys": [None], "secrets": {}})),
    ("float", "a number with a fraction", b'{"a":1.5,"secrets":{}}'),
    ("exponent", "a number with an exponent", b'{"a":1e3,"secrets":{}}'),
    ("minus_zero", "a number that is not written the shortest way", b'{"a":-0,"secrets":{}}'),
    ("large_number", "an integer beyond 64 bits", b'{"a":18446744073709551616,"secrets":{}}'),
    ("escaped_slash", "an escape that is not needed", b'{"a":"\\/","secrets":{}}'),
    ("surrogate", "half a surrogate pair", b'{"a":"\\ud800","secrets":{}}'),
    ("leap_second", "a second 60", canonical({"secrets": {"a": entry(b"x", not_after="2026-12-31T23:59:60Z")}})),
    ("offset", "a time in another zone", canonical({"secrets": {"a": entry(b"x", created="2026-02-03T10:11:12+01:00")}})),
    ("long_value", "a value of 65537 bytes", canonical({"secrets": {"a": entry(b"x" * 65537)}})),
    ("long_purpose", "purpose of 257 bytes", canonical({"secrets": {"a": entry(b"x", purpose="p" * 257)}})),
]:
    by_key("corrupt_json_" + case, "corrupt", why, text=text)

for case, why, edit in [
    ("magic", "another magic", "cordon => Cordon"), ("version", "a later version", "/v1 => /v2"),
    ("crlf", "a carriage return", "/v1\\n => /v1\\r\\n"), ("leading_space", "a space before a slot", "-> key => \\s-> key"),
    ("two_spaces", "two spaces between words", "keyfile => keyfile\\s"), ("tab", "a tab between words", "keyfile\\s => keyfile\\t"),
    ("trailing_space", "a space behind the magic", "/v1\\n => /v1\\s\\n"), ("blank_line", "a blank line", "/v1\\n => /v1\\n\\n"),
    ("kind_case", "a kind in upper case", "keyfile => Keyfile"), ("slot_without_id", "a slot without an id", "@ => -> other\\nAA\\n@"),
    ("slot_id", "a slot's id with a slash", "slot0 => slot/0"), ("slot_twice", "two slots of one id", "@ => -> other slot0\\nAA\\n@"),
    ("slot_without_body", "a slot without a body", "@ => -> other s\\n@"), ("empty_slot_body", "an empty slot body", "@ => -> other s\\n\\n@"),
    ("slot_body_padding", "padded base64", "@ => -> other s\\nAA==\\n@"), ("slot_body_bits", "unused bits set", "@ => -> other s\\nAB\\n@"),
    ("slot_body_url", "the URL alphabet", "@ => -> other s\\n-_\\n@"), ("slot_body_high_bit", "a byte that libsodium 1.0.18 reads as a slash", "@ => -> other s\\n\\hw\\n@"),
    ("slot_body_space", "a space in base64", "@ => -> other s\\nAA AA\\n@"),
    ("keyfile_argument", "one argument too many", "slot0 => slot0 x"), ("nul", "a NUL in the head", "keyfile => key\\0file"),
    ("id_case", "a vault id in upper case", "0b1f => 0B1F"), ("id_short", "a vault id that is none", "0b1f => b1f"),
    ("generation_zero", "generation 0", "\\s7\\n => \\s0\\n"), ("generation_lead", "a leading zero", "\\s7\\n => \\s07\\n"),
    ("generation_sign", "a sign", "\\s7\\n => \\s+7\\n"), ("generation_big", "generation 2^63", "\\s7\\n => \\s9223372036854775808\\n"),
    ("generation_word", "a word too many", "\\s7\\n => \\s7 7\\n"), ("no_mac", "no MAC", "--- => --"),
    ("mac_short", "a MAC of 31 bytes", "--- => --- AA\\n"), ("slot_behind_id", "a slot behind the vault's id", "--- => -> other s\\nAA\\n---"),
]:
    write("malformed_" + case, "malformed", why, None, base="ok_key", replace=edit)
for case, why, edit in [
    ("passes_zero", "no pass", "1 65536 => 0 65536"), ("passes_many", "11 passes", "1 65536 => 11 65536"),
    ("memory_low", "less than 64 MiB", "1 65536 => 1 65535"), ("memory_high", "more than 1 GiB", "1 65536 => 1 1048577"),
    ("cost_lead", "a leading zero", "1 65536 => 01 65536"), ("cost_missing", "no cost", "\\s1 65536 => "),
]:
    write("malformed_" + case, "malformed", why, None, base="ok_passphrase", replace=edit)
write("malformed_much_work", "malformed", "one KiB of Argon2id's work more than a file may ask for",
      file=vault("much work", (dear("a", "10 1048576"), dear("b", "1 1048576"), dear("c", "1 1048577"), "keyfile")))
write("malformed_much_work_of_many", "malformed", "sixteen passphrase slots of the usual cost and one dearer",
      file=vault("many", tuple(dear(f"s{i}", "3 262144") for i in range(14)) + (dear("x", "3 524289"), "keyfile")))
write("malformed_one_byte_more", "malformed", "a byte behind the payload", None, base="ok_key", append="00")
write("malformed_one_byte_less", "malformed", "a byte short", None, base="ok_key", truncate=1)
write("malformed_no_payload", "malformed", "no payload", None, base="ok_key", truncate=4096 + 40)
write("malformed_empty", "malformed", "no file at all", file=b"")
write("malformed_no_slot", "malformed", "no slot", file=vault("no slot", ()))
write("malformed_seventeen_slots", "malformed", "more than sixteen slots",
      file=vault("17", ("keyfile",) + tuple((f"-> other s{i}", "AA") for i in range(16))))
write("malformed_long_line", "malformed", "a line of more than 16384 bytes",
      file=vault("long", (("-> other s", "A" * 16388), "keyfile")))
