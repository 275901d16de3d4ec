#!/usr/bin/env python3
"""Checks an export of the journal as an auditor without any secret does: by src/ledger/JOURNAL.md alone.

    verify_export.py EXPORT PUBLIC_KEY      EXPORT: JSON lines, - for standard input; PUBLIC_KEY: 64 hex digits

Exit: 0 the export is what the ledger signed, 1 it is not (one line says why), 2 wrong use.
"""

import datetime
import hashlib
import json
import sys

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

HEADER = {"format", "ledger_id", "public_key", "base"}
BASE = {"sequence", "digest"}
RECORD = {"sequence", "ticks", "at", "kind", "request_id", "tenant", "owner", "body", "key_id"}
CHECKPOINT = {"through", "digest", "public_key", "signature"}
EPOCH = datetime.datetime(1970, 1, 1)


class Refused(Exception):
    pass


def only_once(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("a member stands twice")
    return members


def parse(text, what, members):
    try:
        document = json.loads(text, object_pairs_hook=only_once)
    except ValueError as error:
        raise Refused(f"{what} is not JSON: {error}") from None
    if not isinstance(document, dict) or set(document) != members:
        raise Refused(f"{what} does not have the members it should have")
    if json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) != text:
        raise Refused(f"{what} is not written in the one way it is written")
    return document


def unhex(text, size, what):
    if not isinstance(text, str) or len(text) != 2 * size or text.strip("0123456789abcdef"):
        raise Refused(f"{what} is not {size} bytes in lower-case hex")
    return bytes.fromhex(text)


def whole(number, what):
    if type(number) is not int:
        raise Refused(f"{what} is not a whole number")
    return number


def time_text(ticks):
    seconds, fraction = divmod(ticks, 10_000_000)
    text = (EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{fraction:07}".rstrip("0") if fraction else "") + "Z"


def field(value):
    data = value.to_bytes(8, "little", signed=True) if isinstance(value, int) else value
    return len(data).to_bytes(8, "little") + data


def next_digest(digest, record):
    fields = [digest, record["sequence"], record["ticks"]]
    fields += [record[name].encode() for name in ("kind", "request_id", "tenant", "owner", "body")]
    fields.append(record["key_id"])
    return hashlib.blake2b(b"".join(map(field, fields)), digest_size=32).digest()


def check_record(record, place, sequence):
    for name in ("sequence", "ticks", "key_id"):
        whole(record[name], f"{place}: {name}")
    for name in ("at", "kind", "request_id", "tenant", "owner", "body"):
        if not isinstance(record[name], str):
            raise Refused(f"{place}: {name} is not a text")
    if record["sequence"] != sequence:
        raise Refused(f"{place}: record {sequence} should stand here, not {record['sequence']}")
    if record["at"] != time_text(record["ticks"]):
        raise Refused(f"{place}: at and ticks are not the same time")


def check_checkpoint(record, place, header, key, digest):
    body = parse(record["body"], f"{place}: the checkpoint", CHECKPOINT)
    through = record["sequence"] - 1
    if whole(body["through"], f"{place}: through") != through or body["digest"] != digest.hex():
        raise Refused(f"{place}: the checkpoint does not sign the records before it")
    if body["public_key"] != header["public_key"]:
        raise Refused(f"{place}: the checkpoint names another key")
    if record["request_id"] or record["tenant"]:
        raise Refused(f"{place}: a checkpoint is about no request and no tenant")
    terms = [header["ledger_id"], through, digest.hex(), record["ticks"], record["owner"], record["key_id"]]
    message = "".join(f"{line}\n" for line in ["cordon-checkpoint/1", *terms]).encode()
    try:
        VerifyKey(key).verify(message, unhex(body["signature"], 64, f"{place}: the signature"))
    except BadSignatureError:
        raise Refused(f"{place}: the signature does not fit") from None


def verify(lines, kept_key):
    """The number of records; Refused if the export is not what the ledger signed."""
    if not lines or any(not line.endswith("\n") for line in lines):
        raise Refused("the export is empty, or its end is missing")
    header = parse(lines[0][:-1], "the header", HEADER)
    if header["format"] != "cordon-journal/1":
        raise Refused("the export is of another format")
    if header["public_key"] != kept_key:
        raise Refused("the header names another public key")
    key = unhex(kept_key, 32, "the public key")
    base = header["base"]
    if not isinstance(base, dict) or set(base) != BASE:
        raise Refused("the base does not have the members it should have")
    sequence = whole(base["sequence"], "the base's sequence")
    digest = unhex(base["digest"], 32, "the base's digest")
    if sequence == 0 and any(digest):
        raise Refused("the journal's beginning follows something")
    signed = False
    for number, line in enumerate(lines[1:], start=2):
        place = f"line {number}"
        sequence += 1
        record = parse(line[:-1], place, RECORD)
        check_record(record, place, sequence)
        signed = record["kind"] == "checkpoint"
        if signed:
            check_checkpoint(record, place, header, key, digest)
        digest = next_digest(digest, record)
    if not signed:
        raise Refused("the last records are not signed")
    return len(lines) - 1


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    name, kept_key = arguments
    try:
        with open(0 if name == "-" else name, encoding="utf-8", newline="\n") as file:
            records = verify(file.readlines(), kept_key)
    except UnicodeDecodeError:
        print("refused: not UTF-8")
        return 1
    except Refused as reason:
        print(f"refused: {reason}")
        return 1
    print(f"accepted: {records} records")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
