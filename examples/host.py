#!/usr/bin/env python3
"""A host of Cordon in Python: restricts a device, quarantines a file, follows both to their end.

    host.py CONFIG MACHINE SHA1

CONFIG is a path, or - for the library's own choice. Exit: 0 both were done, 1 an error, 2 wrong use, 3 something ended
otherwise or has not ended.
"""

import asyncio
import sys

import cordon

DONE, ERROR, USAGE, OTHERWISE = range(4)
WAIT_S = 3600


def said(outcome: cordon.Outcome) -> str:
    match outcome:
        case cordon.Succeeded():
            return "done on the device"
        case cordon.Pending(action):
            return f"not done yet; poll request {action.request_id}"
        case _:
            return f"not done: {outcome.action.state}, {outcome.action.error_text or 'no reason given'}"


async def contain(client: cordon.AsyncClient, machine: str, sha1: str) -> int:
    """Both actions at once; each is told when it ends."""

    async def follow(what: str, action) -> bool:
        outcome = await action
        print(f"{what}: {said(outcome)}", flush=True)
        return isinstance(outcome, cordon.Succeeded)

    done = await asyncio.gather(
        follow(
            "restrict app execution",
            client.restrict_code_execution(machine, "Contain the device", until="finished", timeout=WAIT_S),
        ),
        follow(
            "stop and quarantine",
            client.stop_and_quarantine(machine, sha1, "Stop the file", until="finished", timeout=WAIT_S),
        ),
    )
    return DONE if all(done) else OTHERWISE


async def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return USAGE
    config, machine, sha1 = sys.argv[1:]
    try:
        async with cordon.AsyncClient(None if config == "-" else config) as client:
            return await contain(client, machine, sha1)
    except cordon.OutcomeUnknown as error:
        print(f"not known; do not repeat, poll request {error.request_id}: {error.message}", file=sys.stderr)
        return OTHERWISE
    except cordon.CordonError as error:
        print(error, file=sys.stderr)
        return ERROR


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
