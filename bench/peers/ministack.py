"""MiniStack, with the function as a process of Node.js or Python."""

import subprocess

from peer import HERE, Post, Processes, Subject, free_ports, need_python

VERSION = "1.5.33"


def start(processes: Processes, runtime: str, handler: str) -> Subject:
    python = need_python()
    (port,) = free_ports(1)
    pid = processes.start([python, "-m", "ministack"], GATEWAY_PORT=str(port))
    processes.wait_for(port)
    made = subprocess.run(
        [python, HERE / "make_api.py", f"http://127.0.0.1:{port}", runtime, HERE / handler],
        capture_output=True,
        text=True,
        check=True,
    )
    base = f"127.0.0.1:{port}/_aws/execute-api/{made.stdout.strip()}"
    return Subject(
        name=f"MiniStack, {runtime}",
        version=VERSION,
        websocket=f"ws://{base}",
        post=Post(f"http://{base}/@connections/{{id}}"),
        round_trips=True,
        processes=[pid],
    )


def start_node(processes: Processes) -> Subject:
    return start(processes, "nodejs20.x", "handlers/echo.js")


def start_python(processes: Processes) -> Subject:
    return start(processes, "python3.11", "handlers/echo.py")
