"""Runs a program on a pseudo-terminal, and keeps what its screen shows. The terminal is a VT52, which knows few
commands."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


class Terminal:
    def __init__(self, command, columns=80, lines=24, env=None):
        self.columns, self.lines = columns, lines
        self.output = b""
        self._clear()
        ready, say_ready = os.pipe()
        self.process, self.descriptor = pty.fork()
        if self.process == 0:
            os.environ.update(env or {})
            # if a script has started the tests in the background, they may ignore this signal
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.read(ready, 1)
            os.execv(command[0], [str(part) for part in command])
        self.settings = termios.tcgetattr(self.descriptor)
        self.resize(columns, lines)
        os.write(say_ready, b"!")
        os.close(ready)
        os.close(say_ready)

    def _clear(self):
        self.cells = [[" "] * 200 for _ in range(100)]
        self.row = self.column = 0
        self.pending = b""

    def resize(self, columns, lines):
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys):
        os.write(self.descriptor, keys)

    def text(self):
        """The screen, line by line."""
        return "\n".join("".join(row[: self.columns]).rstrip() for row in self.cells[: self.lines])

    def read(self, seconds):
        """Reads what the program has written; returns False if it has closed the terminal."""
        ready, _, _ = select.select([self.descriptor], [], [], seconds)
        if not ready:
            return True
        try:
            piece = os.read(self.descriptor, 65536)
        except OSError:
            piece = b""
        self.output += piece
        self.pending += piece
        while self._take():
            pass
        return piece != b""

    def wait_until(self, holds, what, limit=60):
        """Waits until holds(screen) is true; otherwise fails, and shows the screen."""
        deadline = time.monotonic() + limit
        while not holds(self.text()):
            if time.monotonic() > deadline or not self.read(0.1):
                raise AssertionError(f"the screen does not have: {what}\n{self.text()}")
        return self.text()

    def wait_for(self, *parts):
        """Waits until all parts are on the screen."""
        return self.wait_until(lambda text: all(part in text for part in parts), parts)

    def end(self, signal_number=None, limit=60):
        """Waits until the program has ended, and returns its exit code as subprocess gives it."""
        if signal_number is not None:
            os.kill(self.process, signal_number)
        deadline = time.monotonic() + limit
        while self.read(0.1):
            if time.monotonic() > deadline:
                os.kill(self.process, signal.SIGKILL)
                os.waitpid(self.process, 0)
                self.process = None
                raise AssertionError(f"still running\n{self.text()}")
        code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        self.process = None
        return code

    def close(self):
        if self.process is not None:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.descriptor)

    def _take(self):
        """Carries out the next command or character of the pending bytes; returns False if it is not yet complete."""
        if not self.pending:
            return False
        byte = self.pending[0]
        if byte == 0x1B:
            length = 4 if self.pending[1:2] == b"Y" else 2
            if len(self.pending) < length:
                return False
            self._command(self.pending[1:2], self.pending[2:length])
        elif byte >= 0x20:
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            if len(self.pending) < length:
                return False
            self.cells[min(self.row, 99)][min(self.column, 199)] = self.pending[:length].decode(errors="replace")
            self.column += 1
        else:
            length = 1
            if byte == 0x0D:
                self.column = 0
            elif byte == 0x0A:
                self.row = min(self.row + 1, self.lines - 1)
            elif byte == 0x08:
                self.column = max(self.column - 1, 0)
            elif byte == 0x09:
                self.column = self.column // 8 * 8 + 8
        self.pending = self.pending[length:]
        return True

    def _command(self, name, place):
        if name == b"Y":
            self.row, self.column = place[0] - 32, place[1] - 32
        elif name == b"H":
            self.row = self.column = 0
        elif name == b"A":
            self.row = max(self.row - 1, 0)
        elif name == b"B":
            self.row += 1
        elif name == b"C":
            self.column += 1
        elif name == b"D":
            self.column = max(self.column - 1, 0)
        elif name in b"JK":
            self.cells[self.row][self.column :] = [" "] * (200 - self.column)
            for row in range(self.row + 1, 100 if name == b"J" else 0):
                self.cells[row] = [" "] * 200
