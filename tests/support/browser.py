"""Chromium without a screen, which is controlled by the DevTools protocol over a pipe: opens pages and runs scripts in
them."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time

BROWSER = next((path for path in map(shutil.which, ["chromium", "chromium-browser", "google-chrome"]) if path), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]
LIMIT = 120  # seconds, only so that nothing hangs


class Browser:
    """A browser that can reach nothing but this machine; its profile is in `folder`."""

    def __init__(self, folder):
        command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'browser'}", "--remote-debugging-pipe"]
        command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "about:blank"]
        from_us, self.requests = os.pipe()
        self.answers, to_us = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (from_us, to_us)]
        # it reads requests from descriptor 3 and writes answers to 4
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=lambda: [os.dup2(end, descriptor) for descriptor, end in enumerate(ends, 3)],
        )
        for descriptor in [from_us, to_us, *ends]:
            os.close(descriptor)
        self.waiting, self.count = b"", 0

    def close(self):
        os.close(self.requests)  # then the browser ends
        try:
            self.process.wait(LIMIT)
        finally:
            self.process.kill()
            os.close(self.answers)

    def receive(self, deadline):
        """The next message: an answer, or an event."""
        while b"\0" not in self.waiting:
            ready, _, _ = select.select([self.answers], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.answers, 1 << 16) if ready else b""
            if not part:
                raise AssertionError("the browser does not answer" if not ready else "the browser has ended")
            self.waiting += part
        message, self.waiting = self.waiting.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.count += 1
        request = {"id": self.count, "method": method, "params": parameters}
        if session is not None:
            request["sessionId"] = session
        os.write(self.requests, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + LIMIT
        while (answer := self.receive(deadline)).get("id") != self.count:
            pass
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, url):
        """Opens a page; returns its name for the calls below."""
        target = self.call("Target.createTarget", url=url)["targetId"]
        return self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def evaluate(self, page, script):
        """Runs a script in a page; returns its value, after its promises are fulfilled."""
        done = self.call("Runtime.evaluate", page, expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise AssertionError(f"{script}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def wait_for(self, page, condition):
        """Waits until the value of a script is true."""
        deadline = time.monotonic() + LIMIT
        while not self.evaluate(page, condition):
            if time.monotonic() > deadline:
                raise AssertionError(f"never true: {condition}")
            time.sleep(0.1)
