#!/usr/bin/env python3
"""Proves what Cordon promises under load, with real processes against the emulator, and prints the figures.

usage: load.py BUILD_DIR [PROOF...]     BUILD_DIR: that of a preset with cordon_worker in it; PROOF: see PROOFS below

Counts are asserted: 429s earned, POSTs, actions, outcomes, calls and syncs per action. Times are printed beside what
bounds them. Exit: 0 every proof held, 1 one did not, 2 wrong use.
"""

import contextlib
import datetime
import json
import pathlib
import re
import secrets
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from bench import fetch_token, run, start_emulator, stop
from peer_connector import Connector

WINDOWS = ((100, 60.0), (1500, 3600.0))
WITHOUT_RESERVE = ((90, 60.0), (1350, 3600.0))  # a tenth is kept for urgent calls and undos
POLL_INTERVAL_S = 15.0
SLOWER_WITH_A_THOUSAND = 4  # a look at a thousand costs more and tells more
POST = "POST /api/machines/{id}/restrictCodeExecution"
ENDED = {"succeeded", "failed", "timed_out", "cancelled", "rejected", "expired", "withdrawn", "unknown"}


class Broken(Exception):
    """A promise that did not hold."""


def check(holds, what):
    if not holds:
        raise Broken(what)


def utc(text):
    """Seconds since 1970 of an RFC 3339 time with up to seven fractional digits."""
    whole, fraction = re.fullmatch(r"([^.Z]+)(\.\d+)?Z", text).groups()
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float(fraction or 0)


def earliest_of_last(count, windows):
    """How many seconds after the first call the last of so many can be sent within the windows."""
    sent = []
    for _ in range(count):
        earliest = [sent[-limit] + length for limit, length in windows if len(sent) >= limit]
        sent.append(max([sent[-1] if sent else 0.0, *earliest]))
    return sent[-1]


class Service:
    """The emulator with its control plane."""

    def __init__(self, stack, build, folder, machines, speed, *options):
        self.speed = speed
        self.folder = folder
        self.ready = start_emulator(stack, build, folder, machines, "--speed", str(speed), *options)
        self.context = ssl.create_default_context(cafile=self.ready["ca_file"])
        self.real_zero = time.time() - utc(self.control("POST", "advance", {"seconds": 0})["now"]) / speed

    def control(self, method, what, body=None):
        request = urllib.request.Request(f"{self.ready['control_url']}/emulator/{what}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        return json.load(urllib.request.urlopen(request, context=self.context, timeout=120))

    def real_time_of(self, service_time):
        """Of a service time in seconds; good until the service's time is advanced."""
        return self.real_zero + service_time / self.speed

    def actions(self):
        return self.control("GET", "actions")

    def calls(self, endpoint="", status=None):
        """API calls, token requests left out."""
        return sum(row["count"] for row in self.control("GET", "counters")
                   if "/api/" in row["endpoint"] and endpoint in row["endpoint"] and status in (None, row["status"]))


class Worker:
    """tests/worker/worker.c, a host in a process of its own."""

    def __init__(self, stack, build, config_file):
        self.process = subprocess.Popen(
            [str(build / "tests/worker/cordon_worker"), str(build / "src/boundary/libcordon.so.1"), str(config_file)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(stop, self.process)
        self.hear("ready CORDON_OK")

    def tell(self, line):
        self.process.stdin.write(line + "\n")

    def hear(self, beginning):
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        check(line.startswith(beginning), f"a worker answered {line.strip()[:300]!r} instead of {beginning}")
        return line

    def ask(self, line, expected):
        self.tell(line)
        return self.hear(expected)

    def submit_all(self, machines, options="{}"):
        requests = {}
        for first in range(0, len(machines), 200):  # as many as surely fit into the pipes
            some = machines[first:first + 200]
            for machine in some:
                self.tell(f"submit {machine} {options}")
            requests.update({self.hear("submit CORDON_OK").split()[2]: machine for machine in some})
        return requests

    def ends(self, count):
        """The events that end so many requests, by request id."""
        found = {}
        self.tell(f"follow {count} 600000")
        self.process.stdin.flush()
        for line in self.process.stdout:
            verb, status, text = line.split(" ", 2)
            if verb != "event":
                check(status == "CORDON_OK", f"a worker's events ended with {status} {text.strip()[:300]}")
                return found
            event = json.loads(text)
            if event["state"] in ENDED:
                found[event["request_id"]] = event
        raise Broken("a worker ended")

    def usage(self):
        """Peak and present memory in KiB, CPU in seconds."""
        _, peak, resident, cpu = self.ask("usage", "usage").split()
        return int(peak), int(resident), int(cpu) / 1e6


class Proofs:
    def __init__(self, build, folder):
        self.build = build
        self.folder = folder

    def say(self, label, text):
        print(f"{label:<52}{text}", flush=True)

    def service(self, stack, name, machines, speed, *options):
        return Service(stack, self.build, self.folder / name, machines, speed, *options)

    def config_file(self, stack, service, name="config", **changes):
        """The config that the emulator proposes, changed, with the secret in its vault."""
        config = json.loads(json.dumps(service.ready["config"]))
        config.update(changes)
        home = service.folder / name
        home.mkdir(mode=0o700)
        key = home / "vault.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
        config["state_dir"] = str(home / "state")
        config["vault"] = {"file": str(home / "credentials.cordon"), "unlock": [{"key_file": str(key)}]}
        file = home / "config.json"
        file.write_text(json.dumps(config))
        credential = config["tenants"][config["default_tenant"]]["credential"]
        with contextlib.ExitStack() as first:
            worker = Worker(first, self.build, file)
            worker.ask(f"secret {credential['secret_name']} {service.ready['client_secret']}", "secret CORDON_OK")
            worker.process.stdin.close()
            worker.process.wait(60)
        return file

    def scenario(self, name, **members):
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(members))
        return str(file)

    def check_outcomes(self, service, requests, ends):
        """Every request was applied once and ended as the service says. Both by request id: machine, last event."""
        actions = service.actions()
        by_machine = {action["machineId"]: action for action in actions}
        check(len(actions) == len(by_machine) == len(requests), f"{len(actions)} actions for {len(requests)} requests")
        check(service.calls(POST) == len(requests), f"{service.calls(POST)} POSTs for {len(requests)} requests")
        for request_id, machine in requests.items():
            event, action = ends[request_id], by_machine[machine]
            check(event["action_id"] == action["id"] and event["state"] == "succeeded" == action["status"].lower(),
                  f"{event['state']} was told of an action that {action['status']}")
        return actions

    # The proofs.

    def share(self, stack, processes, each, speed, priority="normal"):
        """Processes that share a state directory and the real windows."""
        count = processes * each
        service = self.service(stack, f"share{processes}x{each}", count, speed)
        file = self.config_file(stack, service)
        workers = [Worker(stack, self.build, file) for _ in range(processes)]
        requests = {}
        for number, worker in enumerate(workers):
            machines = service.ready["machines"][number * each:(number + 1) * each]
            requests.update(worker.submit_all(
                machines, json.dumps({"valid_for_ms": 7200000, "priority": priority}, separators=(",", ":"))))
        ends = {}
        for worker in workers:
            ends.update(worker.ends(each))
        actions = self.check_outcomes(service, requests, ends)
        throttled = service.calls(status=429)
        check(throttled == 0, f"{throttled} calls were throttled")
        sent = sorted(utc(action["creationDateTimeUtc"]) for action in actions)
        took, bound = sent[-1] - sent[0], earliest_of_last(count, WINDOWS)
        text = f"429s {throttled}; first to last POST {took / speed:,.1f} s"
        for of_what, windows in (("the windows", WINDOWS), ("without the reserve", WITHOUT_RESERVE)):
            least = earliest_of_last(count, windows)
            text += f"; {of_what} {least / speed:,.1f} s" + (f": {took / least:.3f} x" if least else "")
        self.say(f"{processes} processes x {each} {priority} requests, --speed {speed}",
                 f"{text}; {service.calls() / count:.3f} calls per action")
        return took, bound

    def sharing(self, stack):
        for processes in (1, 4, 16):
            with contextlib.ExitStack() as one:
                self.share(one, processes, 100, 20)

    def window(self, stack):
        # Normal ones leave a tenth of each window to those that are urgent.
        took, bound = self.share(stack, 1, 1500, 6, "urgent")
        check(took <= bound * 1.02, f"1,500 requests took {took / bound:.3f} of the windows' own time")

    def flight(self, stack):
        """A thousand three-minute actions at once."""
        count, speed = 1000, 6
        timings = {"pickup_s": {"min": 0, "max": 10}, "duration_s": {"min": 150, "max": 210}}
        service = self.service(stack, "flight", count, speed, "--quota", "1000000/60s", "--scenario",
                               self.scenario("flight", timings=timings))
        worker = Worker(stack, self.build, self.config_file(stack, service))
        requests = worker.submit_all(service.ready["machines"])
        ends = worker.ends(count)
        calls = service.calls()
        ended = {action["id"]: service.real_time_of(utc(action["lastUpdateDateTimeUtc"]))
                 for action in self.check_outcomes(service, requests, ends)}
        late = sorted(utc(event["at"]) - ended[event["action_id"]] for event in ends.values())
        interval = POLL_INTERVAL_S * SLOWER_WITH_A_THOUSAND / speed
        self.say("1,000 actions in flight, three minutes each", f"{calls / count:.3f} calls per action")
        self.say("  an end is known after", f"median {statistics.median(late):.2f} s, most {late[-1]:.2f} s; "
                 f"within one interval ({interval:.2f} s): {sum(one <= interval for one in late):,}")
        check(calls <= count * 1.05, f"{calls} calls for {count} actions")

    def crowd(self, stack):
        """What actions in flight cost, by their number."""
        rows = []
        for count in (1000, 3000, 10000):
            with contextlib.ExitStack() as one:
                rows.append(self.crowd_of(one, count))
        more = (rows[-1][0] - rows[0][0]) / 9000
        self.say("  more memory for each further action in flight", f"{more:.2f} KiB")

    def crowd_of(self, stack, count):
        interval_s, polls = 1, 6
        poll_s = interval_s * SLOWER_WITH_A_THOUSAND
        timings = {"pickup_s": {"min": 0, "max": 0}, "duration_s": {"min": 36000, "max": 36000}}
        service = self.service(stack, f"crowd{count}", count, 1, "--quota", "1000000/60s", "--scenario",
                               self.scenario(f"crowd{count}", timings=timings))
        file = self.config_file(stack, service, track={"interval_ms": interval_s * 1000})
        worker = Worker(stack, self.build, file)
        _, empty, _ = worker.usage()
        requests = worker.submit_all(service.ready["machines"], '{"valid_for_ms":3600000}')
        while len(service.actions()) < count:
            time.sleep(1)
        service.control("POST", "advance", {"seconds": 600})  # what has changed lately is long ago
        time.sleep(2 * poll_s)
        before = worker.usage()
        calls = service.calls()
        time.sleep(polls * poll_s)
        after = worker.usage()
        quiet = (after[2] - before[2]) / polls
        quiet_calls = (service.calls() - calls) / polls
        service.control("POST", "advance", {"seconds": 40000})  # all end at once
        ends = worker.ends(count)
        busy = worker.usage()[2] - after[2]
        known = [utc(event["at"]) for event in ends.values()]
        self.check_outcomes(service, requests, ends)
        self.say(f"{count:,} actions in flight",
                 f"{(after[1] - empty) / 1024:.1f} MiB more than none ({(after[1] - empty) / count:.2f} KiB each), peak "
                 f"{after[0] / 1024:.1f} MiB")
        self.say("  a poll in which nothing has changed", f"{quiet * 1e3:,.1f} ms CPU, {quiet_calls:.1f} calls")
        self.say("  one in which all have ended",
                 f"{max(known) - min(known):,.2f} s, {busy:,.2f} s CPU with the events' reading, "
                 f"{busy / count * 1e6:,.0f} us each")
        return after[1], quiet

    def submits(self, stack):
        """64 at a time beside curl-multi, which records nothing."""
        at_once, count = 64, 1280
        service = self.service(stack, "submits", count * 5, 1, "--quota", "1000000/60s")
        token = fetch_token(service.ready)
        machines = iter(service.ready["machines"])

        def some(name):
            file = service.folder / name
            file.write_text("".join(next(machines) + "\n" for _ in range(count)))
            return file

        peer = [str(self.build / "tests/bench/peer_multi"), service.ready["url"], token, service.ready["ca_file"]]
        peer_s = int(run(*peer, some("peer"), at_once, stdout=subprocess.PIPE, text=True).stdout) / 1e6
        file = self.config_file(stack, service)
        worker = Worker(stack, self.build, file)
        worker.ask(f"crowd 1 1 {some('warm')}", "crowd CORDON_OK")
        start = time.monotonic()
        worker.ask(f"crowd {at_once} {count} {some('ours')}", "crowd CORDON_OK")
        ours_s = time.monotonic() - start
        worker.process.stdin.close()
        worker.process.wait(60)
        syncs = self.syncs(file, f"crowd {at_once} {count} {some('counted')}\n") - self.syncs(file, "usage\n")
        self.say(f"{count:,} actions, {at_once} at a time",
                 f"curl-multi without a record {peer_s:.2f} s, Cordon {ours_s:.2f} s: {ours_s / peer_s:.2f} x; "
                 f"{syncs} syncs, {syncs / count:.3f} per action")
        check(syncs * 8 <= count, f"{syncs} syncs for {count} actions")

    def syncs(self, file, commands):
        trace = self.folder / "trace"
        run("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", trace,
            self.build / "tests/worker/cordon_worker", self.build / "src/boundary/libcordon.so.1", file,
            input=commands, text=True, stdout=subprocess.DEVNULL)
        return sum("sync(" in line for line in trace.read_text().splitlines())

    def peer(self, stack):
        """A usual connector on an emulator of its own, then Cordon, with the same faults armed."""
        count, speed = 300, 20
        kinds = ("drop_after", "drop_before", "error_after", "error_before", "garbage", "html", "throttle",
                 "expire_token", "wrong_machine", "slow")
        faults = [{"endpoint": POST, "kind": kind, "probability": 0.02, "times": 4, "seconds": 2} for kind in kinds]
        faults += [{"endpoint": "GET /api/machineactions*", "kind": kind, "probability": 0.02, "times": 4, "seconds": 2}
                   for kind in ("drop_before", "error_before", "html", "throttle")]
        scenario = self.scenario("peer", faults=faults)
        print(f"{'':<24}{'calls':>7}{'POSTs':>7}{'429s':>6}{'right':>7}{'wrong':>7}{'lost':>6}{'twice':>7}{'time':>9}")
        for name in ("a usual connector", "Cordon"):
            service = self.service(stack, name.replace(" ", "-"), count, speed, "--scenario", scenario)
            machines = service.ready["machines"][:count]
            start = time.monotonic()
            told = Connector(service.ready, speed).run(machines) if name != "Cordon" else self.ours(
                stack, service, machines)
            took = time.monotonic() - start
            time.sleep(120 / speed)  # whatever is still open at the service ends
            done = {}
            for action in service.actions():
                done.setdefault(action["machineId"], []).append(action["status"])
            right = sum(done.get(machine, []) == [told[machine]] for machine in machines)
            # Told wrongly, or contained and not known to be.
            wrong = sum(told[machine] == "Succeeded" and "Succeeded" not in done.get(machine, []) for machine in machines)
            lost = sum(told[machine] != "Succeeded" and bool(done.get(machine)) for machine in machines)
            twice = sum(len(each) - 1 for each in done.values())
            print(f"{name:<24}{service.calls():>7,}{service.calls(POST):>7,}{service.calls(status=429):>6}{right:>7}"
                  f"{wrong:>7}{lost:>6}{twice:>7}{took:>7.1f} s", flush=True)
            if name == "Cordon":
                check(wrong == lost == twice == 0, "Cordon told something else than the service")

    def ours(self, stack, service, machines):
        worker = Worker(stack, self.build, self.config_file(stack, service))
        requests = worker.submit_all(machines)
        words = {"succeeded": "Succeeded", "failed": "Failed", "timed_out": "TimeOut", "cancelled": "Cancelled"}
        states = {machine: "" for machine in machines}
        for request_id, machine in requests.items():
            # A request whose outcome is unknown for the moment ends later.
            document = worker.ask(f"poll {request_id} 60000", "poll ").split(" ", 2)
            state = json.loads(document[2]).get("state") if document[1] != "CORDON_E_OUTCOME_UNKNOWN" else "unknown"
            states[machine] = words.get(state, state)
        return states


PROOFS = ("sharing", "window", "flight", "crowd", "submits", "peer")


def main():
    if len(sys.argv) < 2 or any(name not in PROOFS for name in sys.argv[2:]):
        print(__doc__ + "\nPROOFS: " + " ".join(PROOFS), file=sys.stderr)
        return 2
    build = pathlib.Path(sys.argv[1]).resolve()
    broken = 0
    with tempfile.TemporaryDirectory(prefix="cordon-load-") as folder:
        proofs = Proofs(build, pathlib.Path(folder))
        for name in sys.argv[2:] or PROOFS:
            try:
                with contextlib.ExitStack() as stack:
                    getattr(proofs, name)(stack)
            except (Broken, RuntimeError, OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
                broken += 1
                proofs.say(name, f"DID NOT HOLD: {problem}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
