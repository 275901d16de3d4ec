"""The conformance program in Python: see ../README.md.

    conformance.py LIBRARY
"""

import dataclasses
import json
import sys
import threading

import cordon
from cordon._abi import Api


class Program:
    def __init__(self, library):
        self.library = library
        self.clients = {}
        self.background = {}

    # ---- Discovery ----

    def version(self, step):
        return cordon._library.load(self.library).version().decode()

    def constants(self, step):
        return {f"CORDON_{status.name}": status.value for status in cordon.Status}

    def layout(self, step):
        return {name: getattr(Api, name).offset for name, _ in Api._fields_}

    # ---- Calls ----

    def open(self, step):
        self.clients[step["client"]] = cordon.Client(step["config"], library=self.library)

    def restrict_code_execution(self, step):
        return self.client(step).restrict_code_execution(
            step["machine_id"], step["comment"], timeout=seconds(step, "timeout_ms"), **step.get("options", {})
        )

    def stop_and_quarantine(self, step):
        return self.client(step).stop_and_quarantine(
            step["machine_id"], step["sha1"], step["comment"], timeout=seconds(step, "timeout_ms"), **step.get("options", {})
        )

    def poll_action(self, step):
        return self.client(step).poll_action(step["id"], wait=seconds(step, "wait_ms"), **step.get("options", {}))

    def call(self, step):
        client = self.client(step)
        kinds = {o["name"]: o["kind"] for o in client.manifest["operations"]["operations"]}
        make = client.act if kinds.get(step["operation"]) == "action" else client.call
        return make(step["operation"], step.get("request"), timeout=seconds(step, "timeout_ms"))

    def submit(self, step):
        return self.client(step).submit(step["operation"], step["request"])

    def next_event(self, step):
        return self.client(step).next_event(wait=seconds(step, "wait_ms"), **step.get("options", {}))

    def withdraw(self, step):
        self.client(step).withdraw(step["request_id"])

    def interrupt(self, step):
        self.client(step).interrupt(step["call_id"])

    def secret_set(self, step):
        secret = bytearray(step["value"].encode())
        self.client(step).secret_set(step["name"], secret)
        assert not any(secret), "the secret was not wiped"

    def secret_remove(self, step):
        self.client(step).secret_remove(step["name"])

    def vault_status(self, step):
        return self.client(step).vault_status()

    def shutdown(self, step):
        self.client(step).shutdown(seconds(step, "timeout_ms"))

    def free(self, step):
        self.client(step).close()

    # ---- Answers ----

    def client(self, step):
        return self.clients[step["client"]]

    def answer(self, step):
        """Status, result, error."""
        try:
            result = getattr(self, step["do"])(step)
        except cordon.CordonError as error:
            members = ("message", "name", "retryable", "outcome_unknown", "retry_after_ms", "http_status", "service_code",
                       "service_correlation_id", "request_id", "action_id", "pointer")  # fmt: skip
            told = {name: getattr(error, name) for name in members} | {"status": int(error.status)}
            return error.name, None, told
        if isinstance(result, cordon.Outcome):
            return f"CORDON_{cordon.Status(cordon.status_of(result)).name}", dataclasses.asdict(result.action), None
        if isinstance(result, cordon.Event):
            result = dataclasses.asdict(result)
        elif result is None and step["do"] == "next_event":
            return "CORDON_NO_EVENT", None, None
        return "CORDON_OK", result, None

    def start(self, step):
        slot = {}
        slot["thread"] = threading.Thread(target=lambda: slot.update(answer=self.answer(step)))
        slot["thread"].start()
        self.background[step["background"]] = slot
        return "STARTED", None, None

    def join(self, step):
        slot = self.background.pop(step["background"])
        slot["thread"].join()
        return slot["answer"]

    def run(self):
        for line in sys.stdin:
            step = json.loads(line)
            if "background" not in step:
                told = self.answer(step)
            else:
                told = self.join(step) if step["do"] == "join" else self.start(step)
            status, result, error = told
            document = {"error": error, "result": result, "status": status, "step": step["step"]}
            text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()


def seconds(step, name):
    milliseconds = step.get(name, -1)
    return None if milliseconds == -1 else milliseconds / 1000


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    Program(sys.argv[1]).run()
