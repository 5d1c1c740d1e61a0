"""Runs several commands at the same time: tests that wait for sockets and processes leave room for others.

    side_by_side.py "title" command ... -- "title" command ...

Shows the output of the first as it comes and that of each other one after it. Exit 1 when any of them failed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import IO


def split(words: list[str]) -> list[list[str]]:
    """The commands between the "--", each with its title first."""
    jobs: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            jobs.append([])
        else:
            jobs[-1].append(word)
    return jobs


def main(words: list[str]) -> int:
    jobs = split(words)
    if any(len(job) < 2 for job in jobs):
        print(__doc__, file=sys.stderr)
        return 2
    running: list[tuple[str, subprocess.Popen[bytes], IO[bytes]]] = []
    started = time.monotonic()
    try:
        for title, *command in jobs[1:]:
            output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            running.append((title, process, output))
        title, *command = jobs[0]
        beside = "; ".join(title for title, _, _ in running)
        print(f"== {title} (at the same time, shown below: {beside})", flush=True)
        failed = [title] if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode else []
        for title, process, output in running:
            if process.wait():
                failed.append(title)
            print(f"== {title}", flush=True)
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    finally:
        for _, process, _ in running:
            if process.poll() is None:
                process.terminate()
                process.wait()
    print(f"== {time.monotonic() - started:.0f} s; failed: {'; '.join(failed) if failed else 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
