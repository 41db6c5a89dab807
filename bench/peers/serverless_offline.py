"""serverless-offline: in its default mode each function runs in a worker thread of its own."""

import shutil

from peer import HERE, Post, Processes, Subject, free_ports, need_node

VERSION = "13.10.1"


def start(processes: Processes, *, in_process: bool = False) -> Subject:
    node = need_node()
    shutil.copy(HERE / "serverless.yml", processes.folder)
    shutil.copytree(HERE / "handlers", processes.folder / "handlers")
    (processes.folder / "node_modules").symlink_to(node / "node_modules")
    http, websocket, functions = free_ports(3)
    pid = processes.start(
        [node / "node_modules" / ".bin" / "serverless", "offline", "start"]
        + ["--httpPort", str(http), "--lambdaPort", str(functions)]
        + ["--websocketPort", str(websocket), *(["--useInProcess"] if in_process else [])],
        # It talks to nobody but us.
        SLS_TELEMETRY_DISABLED="1",
        SLS_NOTIFICATIONS_MODE="off",
        SLS_INTERACTIVE_SETUP_ENABLE="0",
        AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",
    )
    processes.wait_for(websocket)
    return Subject(
        name="serverless-offline, in process" if in_process else "serverless-offline",
        version=VERSION,
        websocket=f"ws://127.0.0.1:{websocket}/",
        post=Post(f"http://127.0.0.1:{websocket}/@connections/{{id}}"),
        round_trips=True,
        processes=[pid],
    )


def start_in_process(processes: Processes) -> Subject:
    return start(processes, in_process=True)
