"""Runs a server in a folder and ends both when its own standard input closes.

Usage: guardian.py FOLDER COMMAND...

The test process holds the other end of standard input. However that process ends, by return, panic
or SIGKILL, the pipe closes, so no server outlives it and no folder stays behind.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading

folder, *command = sys.argv[1:]
for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(ignored, signal.SIG_IGN)

with open(os.path.join(folder, "server.log"), "ab") as log:
    child = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )

ending = threading.Event()


def follow() -> None:
    """Ends with the server, so that whoever waits for it to be ready sees that it has gone."""
    child.wait()
    if not ending.is_set():
        os._exit(1)


threading.Thread(target=follow, daemon=True).start()
sys.stdin.buffer.read()
ending.set()
try:
    os.killpg(child.pid, signal.SIGKILL)
except ProcessLookupError:
    pass
child.wait()
shutil.rmtree(folder, ignore_errors=True)
