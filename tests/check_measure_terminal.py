#!/usr/bin/env python3
"""check_measure_terminal.py -- `joulecast measure` where its output is a terminal: the command keeps one
of the same size, its bytes are not touched, the live line stands between its lines only, keys and
resizes reach it once, and it is not lost when the terminal goes away.

    check_measure_terminal.py --joulecast PROGRAM
"""
import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

LIMIT_S = 60  # of one run, on a loaded machine
POWER = ["--tdp-w", "20", "--idle-w", "2", "--meter", "model", "--grid", "400"]
failures = []


def check(what, condition, detail=""):
    if not condition:
        failures.append(f"{what}: {detail}")


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Session:
    """joulecast in a session of its own, whose controlling terminal we hold."""

    def __init__(self, program, arguments, script):
        self.output = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            # Wait until the window has its size.
            sys.stdin.readline()
            os.execv(program, [program, "measure", *POWER, *arguments, "--", "sh", "-c", script])
        settings = termios.tcgetattr(self.terminal)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(self.terminal, termios.TCSANOW, settings)
        set_size(self.terminal, 31, 97)
        os.write(self.terminal, b"\n")

    def read_until(self, text):
        """Reads until TEXT has come, or the end if it is None."""
        end_s = time.monotonic() + LIMIT_S
        while text is None or text not in self.output:
            if not select.select([self.terminal], [], [], max(0, end_s - time.monotonic()))[0]:
                check("in time", False, f"no {text!r} in {self.output!r}")
                os.kill(self.pid, signal.SIGKILL)
                return False
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:
                piece = b""
            if piece == b"":
                return text is None
            self.output += piece
        return True

    def end(self):
        self.read_until(None)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def check_terminal(program):
    script = ("test -t 1 && echo one; test -t 2 && echo two >&2; stty size <&1; "
              "printf 'a\\tb\\033[1mc\\r\\n\\001'; exit 5")
    session = Session(program, ["-q"], script)
    check("exit", session.end() == 5)
    # The real terminal turns \n into \r\n, once.
    check("bytes", session.output == b"one\r\ntwo\r\n31 97\r\na\tb\x1b[1mc\r\r\n\x01",
          repr(session.output))


def check_resize(program):
    script = ("trap 'stty size <&1; exit 0' WINCH; echo ready; while :; do sleep 0.02; done")
    session = Session(program, ["-q"], script)
    if session.read_until(b"ready"):
        set_size(session.terminal, 44, 111)
        check("resize: exit", session.end() == 0)
        check("resize", b"44 111" in session.output, repr(session.output))


# Says of each signal for half a second who sent it: two that wait are one, so that counting is no proof.
LISTENER = """
import signal, sys
signals = {signal.SIGINT, signal.SIGQUIT}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("ready", flush=True)
wait_s = 60
while True:
    info = signal.sigtimedwait(signals, wait_s)
    if info is None:
        sys.exit(3)
    print(signal.Signals(info.si_signo).name, "by", "a process" if info.si_code <= 0 else "a key",
          flush=True)
    wait_s = 0.5
"""


def check_keys(program):
    for key, name in ((b"\x03", "SIGINT"), (b"\x1c", "SIGQUIT")):
        session = Session(program, ["-q"], f"exec {sys.executable} -c '{LISTENER}'")
        if session.read_until(b"ready"):
            os.write(session.terminal, key)
            check(f"{name}: exit", session.end() == 3)
            check(f"{name}: once, from the terminal",
                  session.output == f"ready\r\n{name} by a key\r\n".encode(), repr(session.output))
    # Ctrl-Z in a group that no shell looks after stops nobody.
    session = Session(program, ["-q"], "trap 'exit 3' TERM; echo ready; "
                      "while :; do sleep 0.02; done")
    if session.read_until(b"ready"):
        os.write(session.terminal, b"\x1a")
        time.sleep(0.2)
        os.kill(session.pid, signal.SIGTERM)
        check("Ctrl-Z: exit", session.end() == 3)
    # A command in a session of its own, which the terminal's keys do not reach.
    session = Session(program, ["-q"], "exec setsid sh -c 'trap \"exit 7\" INT; echo ready; "
                      "while :; do sleep 0.02; done'")
    if session.read_until(b"ready"):
        os.write(session.terminal, b"\x03")
        check("own session: exit", session.end() == 7, repr(session.output))


def check_stop(program):
    """A stop and its end, sent to joulecast alone, reach the command too."""
    with tempfile.TemporaryDirectory() as folder:
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)  # with a parent in another group, as a shell's jobs have
            os.execv(program, [program, "measure", *POWER, "-q", "--", "sh", "-c",
                               f"trap 'exit 3' TERM; echo $$ >{folder}/new; "
                               f"mv {folder}/new {folder}/pid; while :; do sleep 0.02; done"])
        end_s = time.monotonic() + LIMIT_S
        while not os.path.exists(f"{folder}/pid") and time.monotonic() < end_s:
            time.sleep(0.02)
        with open(f"{folder}/pid", encoding="ascii") as file:
            command = int(file.read())
        os.kill(pid, signal.SIGTSTP)
        check("stop", os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))
        state = ""
        while state != "T" and time.monotonic() < end_s:
            with open(f"/proc/{command}/stat", encoding="ascii") as file:
                state = file.read().split()[2]
        check("stop: the command", state == "T")
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGTERM)
        check("stop: exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3)


def check_live_line(program):
    script = ("echo joulecast-epoch 1/4; sleep 1.5; printf half; sleep 1.5; echo ' line'; "
              "echo joulecast-epoch 2/4; sleep 1.2; echo last")
    session = Session(program, [], script)
    check("live: exit", session.end() == 0)
    text = session.output.decode()
    check("live", re.search(r"\r1/4 +[0-9.]+ \w*J", text), repr(text))
    check("live: not in a line", "half line\r\n" in text, repr(text))
    check("live: projection", re.search(r"W -> [0-9.]+ \w*J \([^\r]* to [^\r]*J\), [^\r]*s, [^\r]*g CO2e", text),
          repr(text))
    check("live: taken away", re.search(r"\r +\rlast\r\n", text), repr(text))


def check_hangup(program):
    with tempfile.TemporaryDirectory() as folder:
        record = os.path.join(folder, "runs.jsonl")
        script = (f"trap '' HUP; echo $$ >{folder}/pid; echo ready; sleep 1.5; "
                  f"echo nobody reads this; echo done >{folder}/done")
        session = Session(program, ["-q", "-r", record, "-b", "1"], script)
        if not session.read_until(b"ready"):
            return
        os.close(session.terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(session.pid, 0)[1])
        check("hangup: exit", code >= 0, code)
        check("hangup: the command went on", os.path.exists(os.path.join(folder, "done")))
        with open(record, encoding="utf-8") as lines:
            check("hangup: recorded", len(lines.readlines()) == 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--joulecast", required=True)
    program = os.path.abspath(parser.parse_args().joulecast)
    for test in (check_terminal, check_resize, check_keys, check_stop, check_live_line, check_hangup):
        test(program)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
