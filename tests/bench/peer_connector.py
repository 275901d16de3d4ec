"""A connector as one finds them: each worker posts an action and asks for it every 15 s until it has ended. It repeats
a POST that got no answer or a server's error, sleeps through a 429, fetches a token anew at a 401, and keeps nothing."""

import http.client
import json
import ssl
import threading
import time
import urllib.parse

POST_ATTEMPTS = 3
DEFAULT_RETRY_AFTER_S = 60  # service time; without the header
ENDED = {"Succeeded", "Failed", "TimeOut", "Cancelled"}


class Refused(Exception):
    pass


class Connector:
    """`ready`: the emulator's. Times are those of the service, which runs `speed` times as fast."""

    def __init__(self, ready, speed, workers=10, poll_s=15, timeout_s=30):
        self.ready = ready
        self.speed = speed
        self.workers = workers
        self.poll_s = poll_s / speed
        self.timeout_s = timeout_s / speed
        self.context = ssl.create_default_context(cafile=ready["ca_file"])
        self.address = urllib.parse.urlsplit(ready["url"])
        self.token = None
        self.lock = threading.Lock()

    def run(self, machines):
        """What it takes for true in the end, by machine: "Succeeded", …, or "error: …"."""
        told = {}
        left = iter(machines)

        def work():
            connection = Connection(self)
            while True:
                with self.lock:
                    machine = next(left, None)
                if machine is None:
                    return
                try:
                    told[machine] = connection.contain(machine)
                except (Refused, OSError, ValueError, http.client.HTTPException) as problem:
                    told[machine] = f"error: {problem or type(problem).__name__}"

        threads = [threading.Thread(target=work) for _ in range(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return told

    def bearer(self, instead_of=None):
        with self.lock:
            if self.token is None or self.token == instead_of:
                self.token = self.fetch_token()
            return self.token

    def fetch_token(self):
        form = urllib.parse.urlencode({
            "grant_type": "client_credentials", "client_id": self.ready["client_id"],
            "client_secret": self.ready["client_secret"],
            "scope": "https://api.securitycenter.microsoft.com/.default"})
        connection = http.client.HTTPSConnection(self.address.hostname, self.address.port, context=self.context)
        connection.request("POST", f"/{self.ready['tenant_id']}/oauth2/v2.0/token", form,
                           {"Content-Type": "application/x-www-form-urlencoded"})
        token = json.load(connection.getresponse())["access_token"]
        connection.close()
        return token


class Connection:
    """One worker's, kept."""

    def __init__(self, connector):
        self.connector = connector
        address = connector.address
        self.http = http.client.HTTPSConnection(address.hostname, address.port, timeout=connector.timeout_s,
                                                context=connector.context)

    def contain(self, machine):
        action = self.post(f"/api/machines/{machine}/restrictCodeExecution", {"Comment": "contain"})
        while action["status"] not in ENDED:
            time.sleep(self.connector.poll_s)
            action = self.request("GET", f"/api/machineactions/{action['id']}", None)
        return action["status"]

    def post(self, path, body):
        for attempt in range(POST_ATTEMPTS):
            try:
                return self.request("POST", path, json.dumps(body))
            except (OSError, http.client.HTTPException):
                if attempt + 1 == POST_ATTEMPTS:
                    raise
                time.sleep(2 ** attempt / self.connector.speed)
        raise Refused("not reached")

    def request(self, method, path, body):
        token = self.connector.bearer()
        while True:
            status, headers, text = self.exchange(method, path, body, token)
            if status == 429:
                time.sleep(float(headers.get("Retry-After", DEFAULT_RETRY_AFTER_S / self.connector.speed)))
            elif status == 401:
                token = self.connector.bearer(instead_of=token)
            elif status >= 500:
                raise ConnectionError(f"HTTP {status}")
            elif status >= 400:
                raise Refused(f"HTTP {status} {text[:80]}")
            else:
                return json.loads(text)

    def exchange(self, method, path, body, token):
        try:
            self.http.request(method, path, body,
                              {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
            answer = self.http.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.http.close()
            raise
