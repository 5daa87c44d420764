"""Stands in for systemd: passes descriptors on to a program that it becomes (sd_listen_fds(3)).

activation.py NAME=DESCRIPTOR … -- COMMAND …: they become 3, 4, … of the command, which takes this process's place.
"""

import os
import sys


def words(sockets, command):
    """The command line that passes these sockets (by name) on to a command."""
    passed = [f"{name}={one.fileno()}" for name, one in sockets.items()]
    return [sys.executable, __file__, *passed, "--", *map(str, command)]


def main():
    dashes = sys.argv.index("--")
    passed = [word.rsplit("=", 1) for word in sys.argv[1:dashes]]
    # Out of the way first: one may have the number that another is to get.
    high = [os.dup2(int(number), 100 + i) for i, (_, number) in enumerate(passed)]
    os.closerange(3, 100)
    for i, number in enumerate(high):
        os.dup2(number, 3 + i, inheritable=True)
        os.close(number)
    os.environ.update(
        LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=":".join(name for name, _ in passed)
    )
    os.execvp(sys.argv[dashes + 1], sys.argv[dashes + 1 :])


if __name__ == "__main__":
    main()
