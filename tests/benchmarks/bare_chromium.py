"""A browser that nobody watches: Playwright has it keep a copy of whatever a page receives, which counts as the page's."""

import asyncio
import contextlib
import itertools
import json
import re
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from tornado.websocket import websocket_connect

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
MOST = 2**28  # bytes of a message


class BareChromium:
    """One page.

    Args:
        program: the browser. width: of the window. height: of the window.
    """

    def __init__(self, program, width=1400, height=900):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        where = [
            f"--user-data-dir={self._profile.name}",
            f"--window-size={width},{height}",
            "--remote-debugging-port=0",
        ]
        self._process = subprocess.Popen([program, *FLAGS, *where, "about:blank"], stderr=subprocess.PIPE, text=True)
        said = next(line for line in self._process.stderr if "DevTools listening" in line)
        port = re.search(r":(\d+)/", said)[1]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            target = next(one for one in json.load(answer) if one["type"] == "page")
        self._loop, self._numbers = asyncio.new_event_loop(), itertools.count(1)
        self._socket = self._loop.run_until_complete(self._connect(target["webSocketDebuggerUrl"]))

    def go(self, address):
        self._send("Page.navigate", url=address)

    def evaluate(self, expression):
        """The value of an expression; of a promise what it comes to."""
        answer = self._send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def memory(self):
        """Megabytes of the largest process that draws pages, shared pages by their part."""
        sizes = [0.0]
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_text()
                if "--type=renderer" in command and self._profile.name in command:
                    text = (folder / "smaps_rollup").read_text()
                    sizes.append(
                        int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))) / 1024
                    )
        return max(sizes)

    def close(self):
        self._socket.close()
        self._loop.close()
        self._process.terminate()
        self._process.wait(timeout=60)
        self._process.stderr.close()
        self._profile.cleanup()

    async def _connect(self, address):
        return await websocket_connect(address, max_message_size=MOST)

    def _send(self, method, **parameters):
        return self._loop.run_until_complete(self._ask(method, parameters))

    async def _ask(self, method, parameters):
        number = next(self._numbers)
        await self._socket.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(await self._socket.read_message())
            if answer.get("id") == number:
                return answer["result"]
