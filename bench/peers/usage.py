"""CPU time and memory of processes and all that descend from them."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def tree(roots: list[int], without: list[int]) -> list[int]:
    """The processes that descend from `roots`, themselves included."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        if pid not in without:
            found.append(pid)
            todo += children.get(pid, [])
    return found


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(subject: dict) -> float:
    """User and system time so far."""
    pids = tree(subject["processes"], subject["backends"])
    return sum(int(f[11]) + int(f[12]) for pid in pids if (f := stat(pid))) / TICKS


def user_kib(subject: dict) -> int:
    """Anonymous memory that is resident."""
    total = 0
    for pid in tree(subject["processes"], subject["backends"]):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        total += sum(int(l.split()[1]) for l in status.splitlines() if l.startswith("RssAnon:"))
    return total
