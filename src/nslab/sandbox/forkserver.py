"""PID 1 of a node: a small, single-threaded server that starts programs, makes sockets and reaps.

It is spoken to over one SOCK_SEQPACKET socket; each request brings a reply socket of its own as its last descriptor, so
any number of processes may share the request socket. Nothing may be imported after the node has left the machine's
root file system: `os.wait4` would look for the `resource` module then.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
from collections.abc import Callable
from typing import Any, Final, NoReturn

from nslab.sandbox import containers, kernel, programs, rootfs, title, wire

_NEW_NODE: Final = (
    kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWCGROUP
)


class ForkServer:
    """Serves requests until the control socket closes or, where given, a watched process ends.

    >>> ForkServer(control, environment={"PATH": "/usr/bin:/bin"}).serve()  # doctest: +SKIP
    """

    def __init__(
        self,
        control: socket.socket,
        *,
        environment: dict[str, str],
        watch: int | None = None,
        null: int | None = None,
    ) -> None:
        self.control = control
        self.environment = environment
        self.watch = watch
        self.children: dict[int, int] = {}  # pid -> reply socket
        self.held: set[int] = set()  # terminals that are kept open for nobody
        self.null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC) if null is None else null
        self.poll = select.poll()
        self.operations: dict[str, Callable[[dict[str, Any], list[int]], None]] = {
            "spawn": self.spawn,
            "signal": self.send_signal,
            "socket": self.make_socket,
            "network": self.show_network,
            "terminal": self.open_terminal,
            "hold": self.hold,
            "containers": self.list_containers,
            "node": self.start_node,
            "attach": self.attach,
        }

    def serve(self) -> NoReturn:
        """Answer requests; as PID 1, returning would end every process of the node, and so does leaving."""
        self.wake, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        for descriptor in (self.control.fileno(), self.wake, *([self.watch] if self.watch is not None else [])):
            self.poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in self.poll.poll():
                self.on_ready(descriptor)

    def on_ready(self, descriptor: int) -> None:
        """One descriptor has something to say."""
        if descriptor == self.wake:
            self.reap()
        elif descriptor in self.held:
            self.drain(descriptor)
        elif descriptor == self.control.fileno():
            message, descriptors = wire.receive(self.control)
            if message is None:
                os._exit(0)
            self.handle(message, descriptors)
        else:  # the watched process is gone
            os._exit(0)

    def handle(self, message: wire.Message, descriptors: list[int]) -> None:
        """Run one request; what fails is answered, never raised: PID 1 has to live on."""
        try:
            self.operations[message["op"]](message, descriptors)
        except Exception as error:  # noqa: BLE001 - the asker gets it
            if descriptors:
                wire.answer(descriptors.pop(), _complaint(error))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def reap(self) -> None:
        """Tell each finished child's starter its exit status; orphans of the node end here too."""
        try:
            os.read(self.wake, 4096)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            reply = self.children.pop(pid, None)
            if reply is not None:
                wire.answer(reply, {"exit": os.waitstatus_to_exitcode(status)})

    def spawn(self, message: wire.Message, descriptors: list[int]) -> None:
        """Start a program: descriptors are those named in `places`, perhaps the terminal, and the reply socket."""
        environment = self.environment | message.get("env", {})
        argv: list[str] = message["argv"]
        program = programs.find(argv[0], environment.get("PATH", ""))
        places: list[int] = message["places"]
        moves = dict.fromkeys((0, 1, 2), self.null) | dict(zip(places, descriptors, strict=False))
        cwd = message.get("cwd")
        if cwd:
            os.chdir(cwd)
        try:
            if message.get("terminal"):
                pid = programs.start_on_terminal(program, argv, environment, moves, terminal=descriptors[len(places)])
            else:
                pid = programs.start(program, argv, environment, moves)
        finally:
            if cwd:
                os.chdir("/")
        reply = descriptors.pop()
        self.children[pid] = reply
        if message.get("wants_pid"):
            wire.answer(os.dup(reply), {"pid": pid})  # an interrupted asker has left: no reason for the node to end

    def send_signal(self, message: wire.Message, descriptors: list[int]) -> None:
        """Signal one of the server's own children, or its group; a child that has ended meanwhile is no error."""
        pid = message["pid"]
        if pid in self.children:
            os.kill(-pid if message.get("group") else pid, message["signal"])
        wire.answer(descriptors.pop(), {})

    def make_socket(self, message: wire.Message, descriptors: list[int]) -> None:
        """Make a socket of this network namespace and hand it out: it stays in it, whoever holds it."""
        with socket.socket(message["family"], message["type"], message["proto"]) as made:
            if message.get("bind"):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(tuple(message["bind"]))
            if message.get("listen"):
                made.listen(message["listen"])
            wire.answer(descriptors.pop(), {}, [made.fileno()])

    def show_network(self, _: wire.Message, descriptors: list[int]) -> None:
        """Hand out this network namespace, so that a link's end can be put into it."""
        namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        wire.answer(descriptors.pop(), {}, [namespace])
        os.close(namespace)

    def open_terminal(self, _: wire.Message, descriptors: list[int]) -> None:
        """Open a pseudo-terminal of this node's own devpts."""
        ends = os.openpty()
        wire.answer(descriptors.pop(), {}, ends)
        for end in ends:
            os.close(end)

    def hold(self, _: wire.Message, descriptors: list[int]) -> None:
        """Keep a terminal open whose window nobody looks at, so that what runs in it lives on."""
        reply = descriptors.pop()
        terminal = descriptors.pop()
        os.set_blocking(terminal, False)
        self.held.add(terminal)
        self.poll.register(terminal, select.POLLIN)
        wire.answer(reply, {})

    def drain(self, terminal: int) -> None:
        """Drop what was written to a held terminal; close it when its last program has ended (EIO)."""
        try:
            if os.read(terminal, 65536):
                return
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        self.poll.unregister(terminal)
        self.held.discard(terminal)
        os.close(terminal)

    def list_containers(self, _: wire.Message, descriptors: list[int]) -> None:
        """Look for the containers that a student has made below this node."""
        wire.answer(descriptors.pop(), {"containers": containers.find()})

    def start_node(self, message: wire.Message, descriptors: list[int]) -> None:
        """Make a node in namespaces of its own; its server answers on the first descriptor."""
        spec = rootfs.NodeSpec.from_json(message["spec"])

        def enter() -> None:
            flags = _NEW_NODE | (kernel.CLONE_NEWNET if spec.own_network else 0)
            kernel.unshare(flags)

        def settle() -> None:
            rootfs.enter_own_root(spec)
            if spec.own_network:
                rootfs.bring_loopback_up()

        self.start_server(spec.name, spec.environment, descriptors, enter=enter, settle=settle)

    def attach(self, message: wire.Message, descriptors: list[int]) -> None:
        """Join the container of process `pid` (made by a student's own `unshare`); its server answers as a node's."""

        def enter() -> None:
            containers.join(message["pid"])

        environment = self.environment | message.get("environment", {})
        self.start_server(message["name"], environment, descriptors, enter=enter, settle=lambda: None)

    def start_server(
        self,
        name: str,
        environment: dict[str, str],
        descriptors: list[int],
        *,
        enter: Callable[[], None],
        settle: Callable[[], None],
    ) -> None:
        """Fork, enter namespaces, and fork again: only a child is born in a new PID namespace."""
        control, reply = descriptors
        shim = os.fork()
        if shim:
            self.children[shim] = descriptors.pop()
            return
        try:
            programs.forget_parent()
            kernel.die_with_parent()
            self.control.close()
            enter()
            pid = os.fork()
            if pid:
                kernel.prctl(kernel.PR_SET_NAME, b"nslab-shim")
                os.close(control)
                with socket.socket(fileno=os.dup(reply)) as end:
                    wire.send(end, {"pid": pid})
                os.close(reply)
                os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
            kernel.die_with_parent()
            title.show(f"nslab: {name}")
            settle()
            wire.answer(reply, {"ready": True})
            # A container that was just made may have no /dev/null.
            ForkServer(socket.socket(fileno=control), environment=environment, null=self.null).serve()
        except Exception as error:  # noqa: BLE001 - the asker gets it
            wire.answer(reply, _complaint(error))
        finally:
            os._exit(1)


def _complaint(error: Exception) -> wire.Message:
    if isinstance(error, OSError):
        return {"error": error.strerror or str(error), "errno": error.errno}
    return {"error": f"{type(error).__name__}: {error}", "errno": None}
