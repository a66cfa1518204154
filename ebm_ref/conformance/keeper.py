r"""The keeper: a small process between the judge and a stranger, who outlives neither of them.

    python -I -S keeper.py LIFELINE REPORT ANSWERS MEMORY COMMAND...

It starts the command in a session of its own and watches it.  When the command has ended, when its whole
family together is resident in more than MEMORY bytes, or when the judge has gone, which closes the
LIFELINE however the judge went, it ends the whole family, and itself.  How the command ended stands on
the descriptor REPORT: its exit status, its signal as a negative number, or "memory".  ANSWERS is a
descriptor that the command alone is to hold, -1 if there is none.

The family is what descends from the command.  On Linux the keeper is its subreaper: a daemon whose parent
has ended becomes the keeper's own child, and can neither be lost in a session of its own nor behind a
double fork.  Elsewhere there is neither that nor /proc: the process group is ended, and memory not
watched.  Addresses are not limited, since PyTorch and JAX reserve many and use few.

Source: prctl(2), proc(5) and waitpid(2) of the Linux manual pages; standard library only, so that it starts
in a hundredth of a second.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

LINUX = sys.platform == "linux"
PAUSE = 0.1  # seconds between two looks at the memory
PATIENCE = 10.0  # seconds for a killed family to be gone
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36


def prctl(option, value):
    """The Linux call; nothing elsewhere."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value)


def end_with_parent():
    """On Linux, be killed when the parent is gone, however it went."""
    prctl(SET_PDEATHSIG, signal.SIGKILL)


def processes():
    """{process: (its parent, its group, bytes resident)} of all that is seen; empty without a /proc."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdecimal():
                    found[int(name)] = _status(f"/proc/{name}/stat")
    return found


def _status(path):
    with open(path, "rb") as file:
        fields = file.read().rpartition(b")")[2].split()  # what stands in brackets may hold anything
    return int(fields[1]), int(fields[2]), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def proportional(process):
    """Bytes resident, of what is shared with others only its share; 0 if it has gone."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/smaps_rollup", "rb") as file:
        for line in file:
            if line.startswith(b"Pss:"):
                return 1024 * int(line.split()[1])
    return 0


def family(ancestor, known):
    """All of `known` that descend from a process, without itself."""
    children = {}
    for process, (parent, *_) in known.items():
        children.setdefault(parent, []).append(process)
    found, new = [], [ancestor]
    while new:
        new = [child for process in new for child in children.get(process, ())]
        found += new
    return found


def start(command):
    """The command in a session of its own, with the signals it expects; the first to go if memory ends."""
    keeper, process = os.getpid(), os.fork()
    if process:
        return process
    try:
        os.setsid()
        end_with_parent()
        if os.getppid() != keeper:
            os._exit(1)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        os.execvp(command[0], command)
    except OSError as problem:
        os.write(2, f"{command[0]}: {problem.strerror}\n".encode())
    finally:
        os._exit(127)


def reaped(process):
    """The end of one process, as a Popen has it, and of all others that have ended; None if it has not."""
    code, ended = None, -1
    with contextlib.suppress(ChildProcessError):
        while ended:
            ended, status = os.waitpid(-1, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if ended == process else code
    return code


def takes_more_than(memory):
    """Whether the whole family has so many bytes resident: pages that it shares, forked say, count once."""
    known = processes()
    members = family(os.getpid(), known)
    if sum(known[member][2] for member in members) <= memory:
        return False  # this sum is quick, and never too small
    return sum(map(proportional, members)) > memory


def watch(process, lifeline, wake, memory):
    """How the process ended, or "memory"; "" when the judge has gone, or wants it to end."""
    pause = PAUSE
    while True:
        if lifeline in select.select([lifeline, wake], [], [], pause)[0]:
            return ""
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 4096)
        if (code := reaped(process)) is not None:
            return f"{code}"
        before = time.monotonic()
        if takes_more_than(memory):
            return "memory"
        pause = max(PAUSE, 20.0 * (time.monotonic() - before))  # a twentieth of a core at most


def end_family(process):
    """Kill all that descends from here, until nothing is left that could start more.

    By groups first: whoever starts another and ends, again and again, leaves its group to the next.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        known = processes()
        members = family(os.getpid(), known)
        for group in {process, *(known[member][1] for member in members)} - {os.getpgrp()}:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        for member in members:
            with contextlib.suppress(OSError):
                os.kill(member, signal.SIGKILL)
        reaped(process)
        if not members:
            return
        time.sleep(0.001)


def main(lifeline, report, answers, memory, *command):
    """Start, watch, report, and leave nobody behind."""
    lifeline, report, answers = int(lifeline), int(report), int(answers)
    os.set_inheritable(lifeline, False)
    os.set_inheritable(report, False)
    prctl(SET_CHILD_SUBREAPER, 1)
    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for s in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(s, lambda *_: None)  # the stranger may send some; exec gives him the usual ones
    process = start(command)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in {0, 1, 2, max(answers, 0)}:
        os.dup2(nothing, descriptor)  # they are the stranger's now
    how = watch(process, lifeline, wake, float(memory))
    with contextlib.suppress(OSError):
        os.write(report, how.encode())
    end_family(process)


if __name__ == "__main__":
    main(*sys.argv[1:])
