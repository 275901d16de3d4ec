#!/usr/bin/env python3
"""Tests how the Python binding waits, with the real library and the emulator.

    waiting_test.py <source root> <libcordon.so.1> <cordon-emulator>
"""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

ROOT, LIBRARY, EMULATOR = Path(sys.argv.pop(1)).absolute(), sys.argv.pop(1), sys.argv.pop(1)
sys.path[:0] = [str(ROOT / "abi/python/src"), str(ROOT / "tests/support")]

import cordon  # noqa: E402
from cordon import aio  # noqa: E402
from emulator import Emulator  # noqa: E402

TIMEOUT_S = 240
MANY = 150
HOUR_MS = 3_600_000


class WithEmulator(unittest.TestCase):
    def setUp(self):
        self.emulator = Emulator(EMULATOR, "--speed", "60", "--machines", MANY + 10, "--quota", "100000/60s")
        self.addCleanup(self.emulator.close)
        self.config = self.emulator.client_config("client") | {"quota": "100000/60s"}
        self.cast = self.emulator.ready["cast"]

    def run_async(self, test):
        """Runs test(client) with an open client that can get tokens."""

        async def main():
            async with cordon.AsyncClient(self.config, library=LIBRARY) as client:
                await client.secret_set("emulator-app", bytearray(self.emulator.ready["client_secret"].encode()))
                await asyncio.wait_for(test(client), TIMEOUT_S)

        asyncio.run(main())

    def wait_for_posts(self, count):
        deadline = time.monotonic() + TIMEOUT_S
        while self.emulator.posts() < count:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def statuses(self):
        return [action["status"] for action in self.emulator.control("GET", "/emulator/actions")]


class Asyncio(WithEmulator):
    def test_many_waits_hold_no_thread_each(self):
        threads = []

        async def test(client):
            waits = [
                asyncio.ensure_future(client.restrict_code_execution(machine, "c", until="finished", timeout=TIMEOUT_S))
                for machine in self.emulator.ready["machines"][:MANY]
            ]
            while not all(wait.done() for wait in waits):
                threads.append(len(os.listdir("/proc/self/task")))
                await asyncio.sleep(0.02)
            self.assertEqual({type(wait.result()) for wait in waits}, {cordon.Succeeded})

        self.run_async(test)
        self.assertLess(max(threads), 20)
        self.assertEqual(self.emulator.posts(), MANY)

    def test_each_end_is_told_as_it_is(self):
        async def test(client):
            accepted = await client.restrict_code_execution(self.cast["online"], "c")
            self.assertIsInstance(accepted, cordon.Pending | cordon.Succeeded)
            failed = await client.restrict_code_execution(self.cast["fails"], "c", until="finished")
            self.assertIsInstance(failed, cordon.Failed)
            refused = await client.restrict_code_execution(self.cast["linux"], "c", until="finished")
            self.assertIsInstance(refused, cordon.Rejected)
            away = await client.restrict_code_execution(self.cast["offline"], "c", until="finished", timeout=1)
            self.assertIsInstance(away, cordon.Pending)
            dry = await client.restrict_code_execution(self.cast["slow"], "c", dry_run=True)
            self.assertIsInstance(dry, cordon.DryRun)

        self.run_async(test)
        self.assertEqual(self.emulator.posts(), 4)

    def test_a_lost_request_is_reported_as_unknown(self):
        self.emulator.arm_fault({"endpoint": "POST /api/machines/{id}/restrictCodeExecution", "kind": "drop_before"})

        async def test(client):
            with self.assertRaises(cordon.OutcomeUnknown):
                await client.restrict_code_execution(self.cast["online"], "c", until="finished", timeout=5)

        self.run_async(test)
        self.assertEqual(self.emulator.posts(), 1)

    def test_a_cancelled_task_ends_its_wait_and_not_the_request(self):
        async def test(client):
            request_id = "5f0c1d2e-3b4a-4968-8776-95a4b3c2d1e0"
            wait = asyncio.ensure_future(
                client.restrict_code_execution(self.cast["offline"], "c", until="finished", request_id=request_id)
            )
            while not self.statuses():
                await asyncio.sleep(0.02)
            wait.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await wait
            self.assertIsInstance(await client.wait(request_id, timeout=0.2), cordon.Pending)

        self.run_async(test)
        self.assertEqual(self.statuses(), ["Pending"])

    def test_a_cancelled_task_tells_its_request(self):
        async def test(client):
            # Whatever comes next waits, unsent.
            self.assertIsInstance(await client.restrict_code_execution(self.cast["online"], "c"), cordon.Pending)
            real, begun, recorded, go = client._client.submit, [], [], threading.Event()

            def second():
                return client.restrict_code_execution(self.cast["slow"], "c", valid_for_ms=2 * HOUR_MS)

            def held_up(*arguments, **options):
                begun.append(None)
                go.wait(TIMEOUT_S)
                recorded.append(real(*arguments, **options))
                return recorded[-1]

            with mock.patch.object(client._client, "submit", held_up):
                for cancelled_once in (begun, recorded):
                    act = asyncio.ensure_future(second())
                    while not cancelled_once:
                        await asyncio.sleep(0.02)
                    act.cancel()
                    with self.assertRaises(asyncio.CancelledError) as caught:
                        await act
                    go.set()
                    while not recorded:
                        await asyncio.sleep(0.02)
                    self.assertEqual(caught.exception.request_id, recorded.pop())
                    self.assertIn(caught.exception.request_id, caught.exception.__notes__[0])
                    await client.withdraw(caught.exception.request_id)

                with self.assertRaises(TimeoutError) as late:
                    await asyncio.wait_for(second(), 0.2)
                while not recorded:
                    await asyncio.sleep(0.02)
                self.assertEqual(late.exception.__cause__.request_id, recorded.pop())

        self.config["quota"] = f"1/{HOUR_MS // 1000}s"
        self.run_async(test)
        self.assertEqual(self.emulator.posts(), 1)

    def test_a_wait_that_fails_tells_its_request(self):
        async def test(client):
            def failing(*_, **__):
                raise failure

            with self.assertRaises(cordon.CordonError) as caught:
                await client.withdraw("00000000-0000-4000-8000-000000000000")
            failure = caught.exception
            with mock.patch.object(client._client, "poll_action", failing), self.assertRaises(cordon.CordonError) as caught:
                await client.restrict_code_execution(self.cast["online"], "c")
            self.assertNotIsInstance(await client.wait(caught.exception.request_id, timeout=TIMEOUT_S), cordon.Pending)
            with self.assertRaises(cordon.UsageError) as refused:
                await client.restrict_code_execution("no device", "c")
            self.assertIsNone(refused.exception.request_id)  # there is none

        self.run_async(test)

    def test_a_cancelled_call_is_interrupted(self):
        async def test(client):
            away = await client.restrict_code_execution(self.cast["offline"], "c")
            real, begun, ended = client._client.poll_action, [], []

            def noted(*arguments, **options):
                begun.append(None)
                try:
                    return real(*arguments, **options)
                finally:
                    ended.append(None)

            with mock.patch.object(client._client, "poll_action", noted):
                # More than there are threads: some wait in the library, others for their turn.
                polls = [
                    asyncio.ensure_future(client.poll_action(away.action.request_id, wait=TIMEOUT_S))
                    for _ in range(aio._WAITING_THREADS + 4)
                ]
                while len(begun) < aio._WAITING_THREADS:
                    await asyncio.sleep(0.02)
                for poll in polls:
                    poll.cancel()
                await asyncio.sleep(0)
                for poll in polls:
                    poll.cancel()  # once more, while its call ends
                ends = await asyncio.gather(*polls, return_exceptions=True)
            self.assertEqual({type(end) for end in ends}, {asyncio.CancelledError})
            self.assertEqual(len(ended), len(begun))

        self.run_async(test)
        self.assertEqual(self.statuses(), ["Pending"])

    def test_events_are_read_from_a_cursor_and_go_on(self):
        async def test(client):
            states, cursors = [], []
            first = await client.submit("restrict_code_execution", {"machine_id": self.cast["online"], "comment": "c"})
            async for event in client.events():
                if event.request_id != first:
                    continue
                states.append(event.state)
                cursors.append(event.cursor)
                if event.state == cordon.State.SUCCEEDED:
                    break
            self.assertEqual((states[0], states[-1]), (cordon.State.QUEUED, cordon.State.SUCCEEDED))
            self.assertIsInstance(event.action, cordon.Action)
            async for again in client.events(after=cursors[0] - 1):
                self.assertEqual(again.cursor, cursors[0])
                break

        self.run_async(test)


    def test_a_failing_ledger_is_asked_again_after_a_pause(self):
        asked, failure = [], None

        def failing(**_):
            asked.append(time.monotonic())
            raise failure

        async def test(client):
            nonlocal failure
            with self.assertRaises(cordon.CordonError) as caught:
                await client.withdraw("00000000-0000-4000-8000-000000000000")
            failure = caught.exception
            real, client._client.next_event = client._client.next_event, failing
            first = await client.submit("restrict_code_execution", {"machine_id": self.cast["online"], "comment": "c"})
            while len(asked) < 2:
                await asyncio.sleep(0.02)
            client._client.next_event = real
            self.assertGreater(asked[1] - asked[0], aio._PAUSE_AFTER_ERROR_S / 2)
            async for event in client.events(scope="all"):
                if event.request_id == first and event.state == cordon.State.SUCCEEDED:
                    break

        self.run_async(test)


class CtrlC(WithEmulator):
    def test_it_ends_the_wait_and_changes_nothing_at_the_service(self):
        code = """
            import cordon, json, sys
            with cordon.Client(json.loads(sys.argv[1]), library=sys.argv[2]) as client:
                client.secret_set("emulator-app", bytearray(sys.argv[3].encode()))
                try:
                    client.restrict_code_execution(sys.argv[4], "c", until="finished", timeout=600)
                except KeyboardInterrupt as stop:
                    print(stop.__notes__[0])
        """
        arguments = [cordon.client.as_json(self.config), LIBRARY, self.emulator.ready["client_secret"], self.cast["offline"]]
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *arguments], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "abi/python/src")},
        ) as process:  # fmt: skip
            try:
                self.wait_for_posts(1)
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=TIMEOUT_S)
            finally:
                process.kill()
        self.assertEqual(process.returncode, 0)
        self.assertRegex(out, "Pending|OUTCOME_UNKNOWN")
        self.assertEqual(self.statuses(), ["Pending"])
        self.assertEqual(self.emulator.posts(), 1)


class Requests(WithEmulator):
    def test_a_request_of_the_ledger_is_told_as_its_outcome(self):
        with cordon.Client(self.config, library=LIBRARY) as client:
            client.secret_set("emulator-app", bytearray(self.emulator.ready["client_secret"].encode()))
            away = client.restrict_code_execution(self.cast["offline"], "c")
            request = {"request_id": away.action.request_id}
            known = client.act("get_request", request)
            self.assertIsInstance(known, cordon.Pending)
            self.assertEqual(known.action.request_id, away.action.request_id)
            with self.assertRaisesRegex(ValueError, "use act"):
                client.call("get_request", request)

        async def test(client):
            self.assertIsInstance(await client.act("get_request", request), cordon.Pending)

        self.run_async(test)
        self.assertEqual(self.emulator.posts(), 1)


class Threads(WithEmulator):
    def test_another_thread_interrupts_by_call_id(self):
        with cordon.Client(self.config, library=LIBRARY) as client:
            client.secret_set("emulator-app", bytearray(self.emulator.ready["client_secret"].encode()))
            away = client.restrict_code_execution(self.cast["offline"], "c")
            told = []

            def wait():
                try:
                    client.poll_action(away.action.request_id, wait=TIMEOUT_S, call_id="w")
                except cordon.CordonError as error:
                    told.append(error)

            waiter = threading.Thread(target=wait)
            waiter.start()
            deadline = time.monotonic() + TIMEOUT_S
            while waiter.is_alive() and time.monotonic() < deadline:
                try:
                    client.interrupt("w")
                except cordon.RefusedError:
                    time.sleep(0.01)
            waiter.join()
        self.assertIsInstance(told[0], cordon.InterruptedError)
        self.assertEqual(self.statuses(), ["Pending"])


if __name__ == "__main__":
    unittest.main()
