#!/usr/bin/env python3
"""Plays the scenario with each language's program, and holds every transcript against the one of C, byte for byte.

    run.py <source root> <libcordon.so.1> <cordon-emulator> <scratch directory> [--only LANGUAGE]... [--table FILE]

Prints one table: language, toolchain, steps passed. A language whose toolchain is absent is named as skipped. The
transcripts are left in the scratch directory. Exit: 0 all programs that ran passed all steps, else 1.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "support"))

from emulator import Emulator  # noqa: E402
from languages import Failure, Language, Skipped, chosen_entries, parse_arguments  # noqa: E402
from transcript import Documents, Normaliser, canonical, member  # noqa: E402

STEP_TIMEOUT_S = 240  # generous: what hangs is ended
REPEAT_TIMEOUT_S = 120


class Program:
    """A language's program: one line in, one line out."""

    def __init__(self, command, environment, errors):
        self.errors = errors
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment
        )

    def ask(self, step):
        timer = threading.Timer(STEP_TIMEOUT_S, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(canonical(step).encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            raise Failure(f"{step['step']}: the program ended: {self.said()}")
        return line[:-1].decode()

    def said(self):
        self.errors.flush()
        return Path(self.errors.name).read_text(errors="replace")[-2000:]

    def finish(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        code = self.process.wait(timeout=STEP_TIMEOUT_S)
        if rest or code != 0:
            raise Failure(f"at its end: exit {code}, unexpected output {rest[:200]!r} {self.said()}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Play:
    """One run of the scenario. `lines` becomes the transcript, `problems` what was not as the scenario wants it."""

    def __init__(self, scenario, service, emulator, program):
        self.emulator = emulator
        self.program = program
        self.lines = []
        self.problems = []
        self.known = {machine["name"]: machine["id"] for machine in service["machines"]}
        self.known |= {"file": service["files"][0]["sha1"], "other_file": service["files"][1]["sha1"]}
        for name in ("quiet", "main", "other"):
            self.known[f"config_{name}"] = self._config(name, service)
        self.normaliser = Normaliser(scenario["normalise"], fixed=json.dumps([scenario, service]))
        self.documents = Documents(HERE.parent.parent.parent / "plugin_manifest/schemas")

    def _config(self, name, service):
        """Two applications of one tenant: one that may do everything, one that may only read."""
        config = self.emulator.client_config(name)
        reader = service["apps"][1]
        tenant = config["tenants"]["contoso"]
        config["tenants"]["reader"] = tenant | {
            "client_id": reader["client_id"],
            "credential": {"kind": "client_secret", "secret_name": reader["name"]},
        }
        config["default_tenant"] = "contoso"
        return config

    def run(self, scenario):
        for chapter in scenario["chapters"]:
            for number, step in enumerate(chapter["steps"], 1):
                self._step({"step": f"{chapter['name']} {number}"} | self._replaced(step))

    def _replaced(self, value):
        if isinstance(value, dict):
            return {k: v if k == "save" else self._replaced(v) for k, v in value.items()}
        if isinstance(value, str) and value.startswith("$"):
            return self.known[value[1:]]
        return value

    def _step(self, step):
        expected = step.pop("expect", {})
        status = step.pop("status", None)
        save = step.pop("save", {})
        repeat_until = step.pop("repeat_until", {})
        answer = self._ask_emulator(step) if "ask" in step else self._ask_program(step, repeat_until)
        if status is not None:
            expected = {"status": status} | expected
        for path, value in expected.items():
            if member(answer, path) != value:
                self.problems.append(f"{step['step']}: {path} is {member(answer, path)!r}, not {value!r}")
        for misfit in self.documents.misfits(answer):
            self.problems.append(f"{step['step']}: {misfit}")
        for name, path in save.items():
            self.known[name] = member(answer, path)
        self.lines.append(self.normaliser.line(self.documents.whole(answer)))

    def _ask_emulator(self, step):
        if step["ask"] == "arm_fault":
            self.emulator.arm_fault(step["fault"])
            return {"armed": step["fault"]["kind"], "step": step["step"]}
        if step["ask"] == "clear_faults":
            self.emulator.control("DELETE", "/emulator/faults")
            return {"cleared": "faults", "step": step["step"]}
        if step["ask"] == "posts":
            return {"posts": self.emulator.posts(), "step": step["step"]}
        raise Failure(f"{step['step']}: the emulator cannot be asked '{step['ask']}'")

    def _ask_program(self, step, repeat_until):
        deadline = time.monotonic() + REPEAT_TIMEOUT_S
        while True:
            line = self.program.ask(step)
            try:
                answer = json.loads(line)
            except ValueError:
                raise Failure(f"{step['step']}: not JSON: {line[:500]}") from None
            if line != canonical(answer):
                raise Failure(f"{step['step']}: not in canonical form:\n    {line}\n    {canonical(answer)}")
            if set(answer) != {"error", "result", "status", "step"} or answer["step"] != step["step"]:
                raise Failure(f"{step['step']}: not an answer: {line[:500]}")
            if all(member(answer, path) == value for path, value in repeat_until.items()):
                return answer
            if time.monotonic() > deadline:
                raise Failure(f"{step['step']}: still not {repeat_until}: {line[:500]}")
            time.sleep(0.05)


class Result:
    """What a language's run of the scenario came to."""

    def __init__(self, entry, arguments):
        self.language = Language(entry, arguments)
        self.name = self.language.name
        self.lines = []
        self.problems = []
        self.skipped = None

    def play(self, scenario, service):
        try:
            self.language.look()
            self.language.build(self.language.entry.get("build", []))
            self._run(scenario, service)
        except Skipped as reason:
            self.skipped = str(reason)
        except Failure as failure:
            self.problems.append(str(failure))
        return self

    def _run(self, scenario, service):
        language = self.language
        options = ("--seed", "7", "--speed", "60", "--scenario", HERE / "service.json")
        with Emulator(language.arguments.emulator, *options) as emulator, open(language.scratch / "stderr", "w") as errors:
            program = Program(language.filled(language.entry["run"]), language.environment, errors)
            play = Play(scenario, service, emulator, program)
            try:
                play.run(scenario)
                program.finish()
            finally:
                program.close()
                self.lines, self.problems = play.lines, play.problems
                (language.scratch / "transcript.jsonl").write_text("".join(line + "\n" for line in self.lines))

    def compare(self, reference, total):
        """The steps whose line equals the reference's; says where the first one differs."""
        equal = sum(own == theirs for own, theirs in zip(self.lines, reference.lines))
        if reference is not self and equal != total:
            for own, theirs in zip(self.lines, reference.lines):
                if own != theirs:
                    self.problems.append(f"differs from {reference.name}:\n    {own}\n    {theirs}")
                    break
        return equal


def table(rows):
    rows = [("language", "toolchain", "steps passed"), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "".join(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}\n" for row in rows)


def main():
    arguments = parse_arguments(__doc__, table=False)
    scenario = json.loads((HERE / "scenario.json").read_text())
    service = json.loads((HERE / "service.json").read_text())
    total = sum(len(chapter["steps"]) for chapter in scenario["chapters"])
    entries = [entry for entry in chosen_entries(arguments, always="C") if "run" in entry]
    results = [Result(entry, arguments) for entry in entries]
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        list(pool.map(lambda result: result.play(scenario, service), results))
    rows = []
    failed = results[0].skipped is not None
    for result in results:
        passed = f"{result.compare(results[0], total)}/{total}"
        rows.append((result.name, result.language.version, f"skipped: {result.skipped}" if result.skipped else passed))
        failed |= bool(result.problems) or not (result.skipped or len(result.lines) == total)
    text = table(rows)
    print(text, end="")
    if arguments.table:
        arguments.table.write_text(text)
    for result in results:
        for problem in result.problems:
            print(f"{result.name}: {problem}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
