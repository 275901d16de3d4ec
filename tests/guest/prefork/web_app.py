"""A WSGI application as a security team would write one: POST /MACHINE_ID/REQUEST_ID contains the machine.

Under gunicorn --preload the master imports it, which loads the library; each worker opens a client of its own with its
first request, after the fork. With OPEN_IN_MASTER the client is opened by the import, which is the mistake to be seen.
Environment: CORDON_CONFIG, CORDON_LIBRARY.
"""

import ctypes
import json
import os
import threading

import cordon

ctypes.CDLL(os.environ["CORDON_LIBRARY"])
_lock = threading.Lock()
_client = cordon.Client() if "OPEN_IN_MASTER" in os.environ else None


def client():
    global _client
    with _lock:
        if _client is None:
            _client = cordon.Client()
        return _client


def contain(machine_id, request_id):
    try:
        outcome = client().restrict_code_execution(
            machine_id, "prefork", until="finished", timeout=60, request_id=request_id
        )
        return {"status": cordon.status_of(outcome).name, "state": outcome.action.state}
    except cordon.CordonError as error:
        return {"status": error.status.name, "message": error.message}


def application(environ, start_response):
    _, machine_id, request_id = environ["PATH_INFO"].split("/")
    answer = contain(machine_id, request_id) | {"pid": os.getpid()}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
