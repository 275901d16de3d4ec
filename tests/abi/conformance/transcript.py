"""Transcripts: the canonical form of a line, what is taken from an answer, and what is made equal in it."""

import json
import re

UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
MARK = re.compile(r"\[cordon:[0-9a-f]+\]")
ADDRESS = re.compile(r"\b127\.0\.0\.1:\d+")


def canonical(document):
    """Keys sorted, no blanks, nothing escaped that need not be."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def member(document, path):
    """The value at a path like "result.state"; None where there is none."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "null": type(None)}


class Documents:
    """Actions and events, and what their schemas say of their members."""

    def __init__(self, schemas):
        def properties(name):
            return json.loads((schemas / f"{name}.schema.json").read_text())["properties"]

        # Each kind is known by members that the other does not have.
        self.kinds = (({"adopted", "state"}, properties("action")), ({"cursor", "kind"}, properties("event")))

    def _properties_of(self, value):
        return next((properties for marks, properties in self.kinds if marks <= set(value)), None)

    def whole(self, value):
        """With exactly the members of the schemas: hosts ignore others, and an absent one says no more than null."""
        if not isinstance(value, dict):
            return value
        value = {name: self.whole(member) for name, member in value.items()}
        properties = self._properties_of(value)
        if properties is None:
            return value
        return {name: value.get(name, {} if of["type"] == "object" else None) for name, of in properties.items()}

    def misfits(self, value):
        """The members whose type is not one of the schema."""
        if not isinstance(value, dict):
            return
        for name, of in (self._properties_of(value) or {}).items():
            types = [of["type"]] if isinstance(of["type"], str) else of["type"]
            if name in value and not any(type(value[name]) is TYPES[t] for t in types):
                yield f"{name} is {value[name]!r}, not {' or '.join(types)}"
        for member in value.values():
            yield from self.misfits(member)


class Normaliser:
    """Replaces what differs from run to run. The same value gets the same replacement throughout a transcript, so that
    equal ids stay equal and different ones different."""

    def __init__(self, rules, fixed):
        self.times = set(rules["times"])
        self.numbers = set(rules["numbers"])
        self.names = rules["names"]
        self.late = set(rules["late"])
        self.unsent = set(rules["unsent"]["states"])
        self.why = rules["unsent"]["members"]
        self.fixed = fixed  # ids that the scenario itself names
        self.seen = {}

    def line(self, document):
        return canonical(self._value(document, ""))

    def _named(self, kind, value):
        known = self.seen.setdefault(kind, {})
        return f"<{kind} {known.setdefault(value, len(known) + 1)}>"

    def _text(self, text):
        text = MARK.sub("[cordon:<mark>]", ADDRESS.sub("<host>", text))
        return UUID.sub(lambda id: id[0] if id[0] in self.fixed else self._named("id", id[0]), text)

    def _value(self, value, key):
        if isinstance(value, dict):
            if value.get("state") in self.unsent:
                value = value | {name: "<why>" for name in self.why if name in value}
            return {k: self._value(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self._value(v, key) for v in value]
        if key in self.late:
            return "<late>"
        if value is None or isinstance(value, bool):
            return value
        if key in self.names:
            return self._named(self.names[key], value)
        if key in self.times:
            return "<time>"
        if key in self.numbers:
            return "<number>"
        return self._text(value) if isinstance(value, str) else value
