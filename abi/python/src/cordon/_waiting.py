"""Lets Ctrl-C end a call of the library that waits.

Python runs its signal handlers on the main thread, and only between two steps of Python code. So a call made there is
run by a second thread while the main thread waits where a handler can interrupt it. If the handler raises, the call is
interrupted (never withdrawn) and its end awaited; what it came to is noted on the exception.

A handler may raise between any two steps below, so each step may be taken twice without harm.
"""

import _thread
import os
import queue
import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_S = 1.0  # a signal that another thread took wakes nobody, so the main thread looks by itself
_AGAIN_S = 0.05  # an interrupt that comes before the call waits finds nothing, so it is repeated


class _Job:
    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.taken = False
        self.finished = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def run(self) -> None:
        if self.taken:
            return
        self.taken = True
        try:
            self.result = self.function()
        except BaseException as error:  # raised again on the main thread
            self.error = error
        self.finished = True
        self.done.release()


class _Worker:
    """A thread that runs jobs of the main thread, one at a time. It takes no signals: one that it took would not wake the
    main thread. Made by _thread, whose start a signal handler cannot leave half done."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        _thread.start_new_thread(self._serve, ())

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            job = self.jobs.get()
            job.run()
            del job


_idle: list[_Worker] = []


def _idle_worker() -> _Worker:
    while _idle:
        worker = _idle.pop()
        if worker.process == os.getpid():  # a forked child has none of its parent's threads
            return worker
    return _Worker()


def interruptible(function: Callable[[], T], interrupt: Callable[[], None] | None) -> T:
    """Runs `function`. On the main thread an exception of a signal handler calls `interrupt` until the function has
    ended, and goes on then; without `interrupt` the function's own end is awaited."""
    if threading.current_thread() is not threading.main_thread():
        return function()
    worker = _idle_worker()
    job = _Job(function)
    wish: BaseException | None = None
    handed = False
    while not job.finished:
        try:
            if not handed:
                worker.jobs.put(job)
                handed = True
            while not job.finished:
                if job.done.acquire(timeout=_LOOK_S if wish is None else _AGAIN_S):
                    break
                if wish is not None and interrupt is not None:
                    interrupt()
        except BaseException as raised:  # by a signal handler
            wish = raised
    _idle.append(worker)
    if wish is not None:
        wish.add_note(f"cordon: the call under way ended with {job.error or repr(job.result)}")
        raise wish
    if job.error is not None:
        raise job.error
    result: T = job.result
    return result
