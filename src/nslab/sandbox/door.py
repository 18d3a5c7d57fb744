"""The one door to a node: run a program in it, open a socket or a terminal in it, wherever the caller is."""

from __future__ import annotations

import errno
import os
import select
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

from nslab.errors import CommandFailed, LabError
from nslab.sandbox import wire
from nslab.sandbox.rootfs import NodeSpec

_CHUNK: Final = 1 << 16
Command = str | Sequence[str]
Socket = socket.socket  # for what stands below `Node.socket`
Places = Mapping[int, int]  # {descriptor in the program: descriptor of ours}


class Process:
    """A program that was started in a node; not a child of the caller's own.

    process = node.spawn(["sleep", "60"])
    process.signal(signal.SIGTERM)
    process.wait()                  # -15, as subprocess says it
    """

    def __init__(self, node: Node, command: Command, reply: socket.socket, pid: int = 0) -> None:
        self.node = node
        self.command = command
        self.pid = pid  # as its node counts
        self.returncode: int | None = None
        self._reply = reply

    def __repr__(self) -> str:
        state = "running" if self.returncode is None else f"ended with {self.returncode}"
        return f"<{_text(self.command)!r} in {self.node.name}, {state}>"

    def fileno(self) -> int:
        """Return a descriptor that is readable when the program has ended, until `wait` has been called."""
        return self._reply.fileno()

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        if self.returncode is None and _is_readable(self._reply, 0):
            return self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status, -N when signal N killed it; TimeoutError after `timeout` seconds."""
        if self.returncode is None:
            if timeout is not None and not _is_readable(self._reply, timeout):
                raise TimeoutError(f"{self.node.name}: {_text(self.command)}: still running after {timeout:g} s")
            message, _ = wire.receive(self._reply)
            self._reply.close()
            if message is not None and "error" in message:
                raise self.node.not_started(message, self.command)
            # Without an answer the node is gone, and all its processes with it.
            self.returncode = -signal.SIGKILL if message is None else message["exit"]
        return self.returncode

    def leave(self) -> None:
        """Let it run without waiting for it; nobody learns how it ends."""
        self._reply.close()

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the program, or to its process group; one that has ended is no error."""
        with suppress(LabError, ProcessLookupError):
            self.node.call({"op": "signal", "pid": self.pid, "signal": int(number), "group": group})


class Node:
    """Anything that a command can run in: `internet`, `outside`, `host`, a container.

        host = lab["host"]
        host.run("ip -br address").stdout
        host.run(["ping", "-c1", "8.8.8.8"], check=False).returncode
        host.socket(socket.AF_PACKET, socket.SOCK_RAW)     # of the node's network, whoever holds it

    `pid` is that of its first process, as the node that made it counts.
    """

    def __init__(self, name: str, control: socket.socket, *, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.control = control

    def __repr__(self) -> str:
        return f"<node {self.name}>"

    def close(self) -> None:
        """Let go of the node; it lives on as long as somebody else holds it."""
        self.control.close()

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        input: str | bytes | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return what it wrote; a string is run by bash.

        It ends when the program does, not when a background job of it closes the pipes. Raises CommandFailed when it
        ends with another status than 0 (unless `check` is false), LabError, and kills it, after `timeout` seconds.
        """
        with ExitStack() as ours:
            stdin = ours.enter_context(_fed(input))
            out, out_writer = _pipe(ours)
            err, err_writer = _pipe(ours)
            output = {out: bytearray(), err: bytearray()}
            places = stdin | {1: out_writer, 2: err_writer}
            # Its number is needed only to kill it, and the message with it costs as much as a fifth of the program.
            process = self._launch(command, places, env=env, cwd=cwd, wants_pid=timeout is not None)
            if not _collect(process, output, timeout):
                process.signal(signal.SIGKILL, group=True)
                process.wait()
                raise LabError(f"{self.name}: {_text(command)}: still running after {timeout:g} s, so it was killed")
            returncode = process.wait()
        stdout, stderr = (bytes(output[end]).decode(errors="replace") for end in (out, err))
        if check and returncode:
            raise CommandFailed(self.name, command, returncode, stdout, stderr)
        return subprocess.CompletedProcess(command, returncode, stdout, stderr)

    def spawn(
        self,
        command: Command,
        *,
        places: Places | None = None,
        terminal: int | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Process:
        """Start a program as a session leader; what is not in `places` of 0, 1 and 2 is /dev/null.

        terminal: a descriptor of the terminal that shall be its controlling one; its descriptors are still `places`.
        """
        return self._launch(command, places or {}, terminal=terminal, env=env, cwd=cwd, wants_pid=True)

    def socket(
        self, family: int, type: int, proto: int = 0, *, bind: tuple[Any, ...] | None = None, listen: int = 0
    ) -> Socket:
        """Return a socket of this node's network; it stays in it, whoever holds it. OSError as socket(2), bind(2)."""
        request = {"op": "socket", "family": int(family), "type": int(type), "proto": proto}
        _, (made,) = self.call(request | {"bind": bind, "listen": listen})
        return socket.socket(fileno=made)

    def network(self) -> int:
        """Return a descriptor of the node's network namespace; the caller closes it."""
        _, (namespace,) = self.call({"op": "network"})
        return namespace

    def terminal(self) -> tuple[int, int]:
        """Open a pseudo-terminal of this node; return the window's end and the programs' end."""
        _, (window, programs) = self.call({"op": "terminal"})
        return window, programs

    def hold(self, window: int) -> None:
        """Leave a terminal's window to the node, so that what runs in it outlives the caller."""
        self.call({"op": "hold"}, [window])

    def containers(self) -> list[dict[str, Any]]:
        """Return a {name, pid} for each container below this node; see `nslab.sandbox.containers`."""
        found: list[dict[str, Any]] = self.call({"op": "containers"})[0]["containers"]
        return found

    def start(self, spec: NodeSpec) -> Node:
        """Make a node below this one, in namespaces of its own."""
        return self._serve(spec.name, {"op": "node", "spec": spec.to_json()})

    def attach(self, name: str, pid: int, *, environment: Mapping[str, str] | None = None) -> Node:
        """Return the container whose first process is `pid` as a node; its server ends when the node is closed."""
        return self._serve(name, {"op": "attach", "name": name, "pid": pid, "environment": dict(environment or {})})

    def call(self, request: wire.Message, descriptors: Sequence[int] = ()) -> tuple[wire.Message, list[int]]:
        """Send a request and return its answer. OSError as the node's kernel said it, LabError when it is gone."""
        with self._request(request, more=descriptors) as reply:
            message, received = wire.receive(reply)
        self._refuse(message, str(request["op"]))
        return message or {}, received

    def not_started(self, message: wire.Message | None, command: Command) -> LabError:
        """Return the error for a program that could not be started, with the status that a shell would give it."""
        if message is None:
            return LabError(f"{self.name} is gone")
        status = 127 if message.get("errno") == errno.ENOENT else 126
        return CommandFailed(self.name, command, status, stderr=f"{_argv(command)[0]}: {message['error']}")

    def _launch(
        self,
        command: Command,
        places: Places,
        *,
        terminal: int | None = None,
        env: Mapping[str, str] | None,
        cwd: str | None,
        wants_pid: bool,
    ) -> Process:
        """Start a program; without `wants_pid` its Process cannot be signalled, and `wait` tells whether it started."""
        request = {"op": "spawn", "argv": _argv(command), "env": dict(env or {}), "cwd": cwd, "wants_pid": wants_pid}
        request["terminal"] = terminal is not None
        reply = self._request(request, places=places, more=[] if terminal is None else [terminal])
        if not wants_pid:
            return Process(self, command, reply)
        message, _ = wire.receive(reply)
        if message is None or "error" in message:
            reply.close()
            raise self.not_started(message, command)
        return Process(self, command, reply, message["pid"])

    def _serve(self, name: str, request: wire.Message) -> Node:
        ours, theirs = wire.pair()
        answer: wire.Message = {}
        with theirs, self._request(request, more=[theirs.fileno()]) as reply:
            # Two processes answer, in either order: the number of its first process, and that it is ready.
            while not answer.keys() >= {"pid", "ready"}:
                message, _ = wire.receive(reply)
                if message is None or "error" in message:
                    ours.close()
                self._refuse(message, name)
                answer |= message or {}
        return Node(name, ours, pid=answer["pid"])

    def _request(self, request: wire.Message, *, places: Places | None = None, more: Sequence[int] = ()) -> Socket:
        """Send a request; return the socket that its answers come on."""
        if places is not None:
            request["places"] = list(places)
            more = [*places.values(), *more]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                wire.send(self.control, request, [*more, theirs.fileno()])
            except OSError as error:
                ours.close()
                if error.errno == errno.EMSGSIZE:
                    raise LabError(f"{self.name}: the command is too long") from None
                raise LabError(f"{self.name} is gone") from None
        return ours

    def _refuse(self, message: wire.Message | None, what: str) -> None:
        if message is None:
            raise LabError(f"{self.name} is gone")
        if "error" in message:
            if message.get("errno"):
                raise OSError(message["errno"], message["error"])
            raise LabError(f"{self.name}: {what}: {message['error']}")


def _argv(command: Command) -> list[str]:
    return ["bash", "-c", command] if isinstance(command, str) else list(command)


def _text(command: Command) -> str:
    return command if isinstance(command, str) else shlex.join(command)


def _pipe(stack: ExitStack) -> tuple[int, int]:
    ends = os.pipe2(os.O_CLOEXEC)
    for end in ends:
        stack.callback(os.close, end)
    return ends


@contextmanager
def _fed(data: str | bytes | None) -> Iterator[dict[int, int]]:
    """Yield {0: a file with `data`}; nothing, and so /dev/null, for None."""
    if data is None:
        yield {}
        return
    file = os.memfd_create("input", os.MFD_CLOEXEC)
    try:
        os.write(file, data.encode() if isinstance(data, str) else data)
        os.lseek(file, 0, os.SEEK_SET)
        yield {0: file}
    finally:
        os.close(file)


def _is_readable(end: socket.socket, timeout: float | None) -> bool:
    waiting = select.poll()  # select() cannot watch a descriptor above 1023, and a notebook server has many
    waiting.register(end, select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


def _collect(process: Process, output: dict[int, bytearray], timeout: float | None) -> bool:
    """Read the pipes in `output` until the program has ended, then what is still in them; False when it took longer."""
    deadline = None if timeout is None else time.monotonic() + timeout
    ending = process.fileno()
    waiting = select.poll()
    for descriptor in (ending, *output):
        waiting.register(descriptor, select.POLLIN)
    ended = False
    while not ended:
        ready = waiting.poll(None if deadline is None else max(0, deadline - time.monotonic()) * 1000)
        if not ready:
            return False
        for descriptor, _ in ready:
            if descriptor == ending:
                ended = True
                waiting.unregister(ending)
            elif not _read(descriptor, output[descriptor]):
                waiting.unregister(descriptor)
    # Once more, as a pipe holds no more than that: what comes later is a background job's.
    for descriptor, _ in waiting.poll(0):
        _read(descriptor, output[descriptor])
    return True


def _read(descriptor: int, data: bytearray) -> bool:
    chunk = os.read(descriptor, _CHUNK)
    data += chunk
    return bool(chunk)
