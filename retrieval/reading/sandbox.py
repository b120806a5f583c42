"""Decoding, and reading of headers, in child processes with a limit on memory and on time.

A decoder in C that crashes, loops or asks for 24 GB takes the child with it and
not the server. A child is this module run by `python -m`: multiprocessing
would import the script of the server again. Requests go to its standard input
and answers come from its standard output (`wire`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Self

from retrieval.errors import (
    ScanError,
    ScanTooLarge,
    UnreadableScan,
)
from retrieval.reading import decode, scan, wire
from retrieval.reading.packs import File
from retrieval.reading.scan import LIMITS, Scan
from retrieval.reading.series import Place

DEATH = (OSError, EOFError, ValueError)
START_SECONDS = 60.0
INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP")


class Decoder:
    """Decodes in child processes, each started when all others are busy; thread-safe.

    A child that ended is started again when it is needed. Whoever finds all children
    busy waits for the first that is free.
    """

    def __init__(self, timeout: float = 20.0, memory: int = 2 << 30, children: int = 1) -> None:
        """Allow `timeout` seconds for one picture and `memory` bytes for each child."""
        self.timeout = timeout
        self._children = tuple(_Child(memory) for _ in range(children))
        self._idle = list(self._children)
        self._changed = threading.Condition()  # of the idle ones

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the children that were started and not ended."""
        processes = [child.process for child in self._children]
        return tuple(process.pid for process in processes if process)

    def decode(self, data: bytes, *, frame: int | None = None) -> Scan:
        """`decode.decode` in a child: the same Scan, the same errors."""
        return wire.scan_of(*self._answer({"frame": None if frame is None else int(frame)}, data))

    def describe(self, data: bytes) -> Place | None:
        """`dicom.describe` in a child; None for a file that makes it fail, too."""
        try:
            header, _ = self._answer({"describe": True}, data)
            return None if header["place"] is None else wire.place_of(header["place"])
        except (ScanError, *wire.NONSENSE):
            return None

    def patient(self, data: bytes, salt: str) -> str:
        """`dicom.patient_of` in a child, the salt in hex digits; "" where it fails, too."""
        try:
            header, _ = self._answer({"salt": salt}, data)
            return wire.patient_of(header)
        except (ScanError, *wire.NONSENSE):
            return ""

    def read(self, path: File) -> Scan:
        """`decode.read` in a child; the message of an error starts with the file's name."""
        return decode.read(path, decode=self.decode)

    def inspect(self, path: Path) -> dict[str, Any]:
        """`decode.inspect` in a child."""
        return decode.inspect(path, decode=self.decode)

    def close(self) -> None:
        """End all children, each after its answer; a later decode starts a new one."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._idle) == len(self._children))
            for child in self._children:
                child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, header: dict[str, Any], data: bytes) -> wire.Message:
        scan.check_file_bytes(len(data), LIMITS)
        with self._borrowed() as child:
            # A child that died while it was idle is only noticed at the next request.
            answer = child.ask(header, data, self.timeout) or child.ask(header, data, self.timeout)
        if answer is None:
            raise UnreadableScan(wire.STOPPED)
        return answer

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[_Child]:
        """A child for this thread alone; one that runs where there is one."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle)
            child = max(self._idle, key=lambda one: one.process is not None)
            self._idle.remove(child)
        try:
            yield child
        finally:
            with self._changed:
                self._idle.append(child)
                self._changed.notify_all()


class _Child:
    """One process, started when it is first asked and again after it ended; for one thread."""

    def __init__(self, memory: int) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._memory = memory

    def ask(self, header: dict[str, Any], payload: bytes, seconds: float) -> wire.Message | None:
        """The answer of the process, None where it died over the question."""
        process = self._running()
        answer = None
        try:
            with _killed_after(seconds, process) as expired, contextlib.suppress(*DEATH):
                requests, answers = _pipes(process)
                wire.send(requests, header, payload)
                answer = wire.receive(answers)
        finally:
            # Also after an interrupt: an unread answer would be taken for that of the next request.
            if answer is None or expired.is_set():
                self.end()
        if answer is None and expired.is_set():
            raise ScanTooLarge(
                f"The picture was not decoded within {seconds:g} seconds; export a smaller one."
            )
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process and self.process.poll() is None:
            return self.process
        self.end()
        self.process = process = _start(self._memory)
        self._stop = weakref.finalize(self, _stop, process)
        with _killed_after(START_SECONDS, process), contextlib.suppress(*DEATH):
            wire.receive(_pipes(process)[1])
            return process
        self.end()
        raise ScanError(
            "The decoder could not be started; install the packages of requirements.txt again."
        )

    def end(self) -> None:
        """End the process if there is one."""
        if self.process:
            self.process = None
            self._stop()


def _command(memory: int) -> list[str]:
    return [sys.executable, "-P", "-m", "retrieval.reading.sandbox", str(memory)]


def _start(memory: int) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[2])
    env = {name: os.environ[name] for name in INHERITED if name in os.environ}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (root, env.get("PYTHONPATH"))))
    env["OMP_NUM_THREADS"] = env["OPENBLAS_NUM_THREADS"] = "1"
    return subprocess.Popen(
        _command(memory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
    )


def _pipes(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """The pipes to the child's standard input and from its standard output."""
    assert child.stdin is not None and child.stdout is not None  # opened by `_start`
    return child.stdin, child.stdout


def _stop(child: subprocess.Popen[bytes]) -> None:
    requests, answers = _pipes(child)
    child.kill()
    with contextlib.suppress(OSError):  # unsent bytes to a child that is gone
        requests.close()
    answers.close()
    child.wait()


@contextlib.contextmanager
def _killed_after(seconds: float, child: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill the child unless the block ends in time; the event is set where it did not.

    A timer and not `select`, which knows no pipes on Windows.
    """
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        child.kill()

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()
        timer.join()  # so that the event tells the truth from here on


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the parent closes its end, as it does when it dies."""
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            header, data = wire.receive(requests)
            if "salt" in header:
                answer = wire.identified(data, header["salt"])
            elif header.get("describe"):
                answer = wire.described(data)
            else:
                answer = wire.decoded(data, header["frame"])
            del data  # no scan stays here until the next one comes
            wire.send(answers, *answer)
            del answer


def _limit(memory: int) -> None:
    """Bound the address space, and write neither files nor core dumps of a patient's picture."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows; macOS for RLIMIT_AS
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _main() -> None:
    # Loaded before the limit: a decoder half imported when memory ran out stays broken.
    from retrieval.reading import dicom  # noqa: F401

    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # a C library that prints must not print into an answer
        _limit(int(sys.argv[1]))
        wire.send(answers, {"ready": True})
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
