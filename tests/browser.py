"""A headless browser, spoken to over a pipe: Chromium's own protocol, as far as the book's tests need it.

    with Browser(program) as browser:
        page = browser.open(url)
        page.run("document.title")

What it notes while a page loads: errors on the console, and addresses that are asked for.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIRED = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execvp(sys.argv[3], sys.argv[3:])"""
PATIENCE = 60.0  # seconds for any one answer, on a busy machine


class Browser:
    """One Chromium, with one page; fds 3 and 4 of the process carry messages that end in a zero byte."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (questions, self.to), (self.of, answers) = os.pipe(), os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        flags += ["--no-first-run", "--disable-component-update", "--disable-background-networking"]
        command = [program, *flags, f"--user-data-dir={self.folder.name}", "about:blank"]
        wired = [sys.executable, "-c", WIRED, str(questions), str(answers), *command]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(wired, pass_fds=(questions, answers), **quiet)
        os.close(questions)
        os.close(answers)
        self.rest, self.number, self.events, self.session = b"", 0, [], None

    def __enter__(self):
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        os.close(self.to)
        os.close(self.of)
        self.folder.cleanup()

    def ask(self, method, **parameters):
        """The answer to a command of the protocol; events that come before it are noted."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def receive(self):
        """The next message."""
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.of], [], [], PATIENCE)
            assert ready, "the browser is silent"
            self.rest += os.read(self.of, 1 << 16)
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def open(self, url, width=1280, height=900, scheme="light"):
        """Load a page at some width; wait until it has loaded."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events = []
        self.ask("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def run(self, code):
        """The value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, code):
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + PATIENCE
        while not (value := self.run(code)):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.05)
        return value

    def press(self, key, code=None):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=code or key)

    def errors(self):
        """What the console complained of since the page was opened."""
        texts = [e["params"] for e in self.events if e.get("method") == "Runtime.exceptionThrown"]
        logged = [e["params"]["entry"] for e in self.events if e.get("method") == "Log.entryAdded"]
        return texts + [entry for entry in logged if entry["level"] == "error"]

    def requests(self):
        """Addresses that were asked for since the page was opened."""
        asked = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [e["params"]["request"]["url"] for e in asked]

    def picture(self, file):
        """A screenshot."""
        import base64

        data = self.ask("Page.captureScreenshot", format="png")["data"]
        Path(file).write_bytes(base64.b64decode(data))
