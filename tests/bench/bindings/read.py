"""Warm reads through the Python binding: see bindings.py.

read.py LIBRARY CONFIG MACHINE [thread]      thread: not on the main thread, where Ctrl-C has to reach the call
"""

import statistics
import sys
import threading
import time

import cordon


def serve(client, machine):
    for line in sys.stdin:
        took = []
        for _ in range(int(line)):
            start = time.perf_counter()
            client.call("get_machine", {"machine_id": machine})
            took.append(time.perf_counter() - start)
        print(f"{statistics.median(took) * 1e6:.1f}", flush=True)


def main():
    library, config, machine = sys.argv[1:4]
    with cordon.Client(config, library=library) as client:
        print("ready", flush=True)
        if "thread" in sys.argv[4:]:
            thread = threading.Thread(target=serve, args=(client, machine))
            thread.start()
            thread.join()
        else:
            serve(client, machine)


if __name__ == "__main__":
    main()
