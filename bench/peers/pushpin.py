"""Pushpin with a WebSocket-over-HTTP backend: posts are publishes to the channel of the client's id."""

from peer import HERE, Post, Processes, Subject, debian_version, free_ports, need_debian

# Its limits on rates are raised out of the way.
CONFIGURATION = """
[global]
include={{libdir}}/internal.conf
rundir={folder}
ipc_prefix=pushpin-
port_offset=0
stats_connection_ttl=120

[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:{port}
logdir={folder}
log_level=1
client_buffer_size=8192
client_maxconn=50000

[proxy]
routesfile={folder}/routes
sig_key=changeme
updates_check=off
zurl_out_specs=ipc://{folder}/zurl-in
zurl_out_stream_specs=ipc://{folder}/zurl-in-stream
zurl_in_specs=ipc://{folder}/zurl-out

[handler]
push_in_spec=tcp://127.0.0.1:{push}
push_in_sub_specs=tcp://127.0.0.1:{push_sub}
push_in_http_addr=127.0.0.1
push_in_http_port={publish}
push_in_http_max_headers_size=10000
push_in_http_max_body_size=1000000
stats_spec=ipc://{folder}/pushpin-stats
command_spec=tcp://127.0.0.1:{command}
message_rate=1000000
message_hwm=1000000
"""

# Debian's own denies backends on this machine.
HTTP_CLIENT = """
[General]
in_spec=ipc://{folder}/zurl-in
in_stream_spec=ipc://{folder}/zurl-in-stream
out_spec=ipc://{folder}/zurl-out
in_req_spec=ipc://{folder}/zurl-req
defpolicy=allow
max_open_requests=2000
buffer_size=200000
timeout=600
in_hwm=1000
out_hwm=1000
"""


def start(processes: Processes) -> Subject:
    need_debian(
        {each: f"/usr/bin/{each}" for each in ("pushpin", "condure", "zurl")}
    )
    folder = processes.folder
    port, publish, push, push_sub, command, backend = free_ports(6)
    configuration = folder / "pushpin.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, port=port, publish=publish, push=push, push_sub=push_sub, command=command
        )
    )
    (folder / "routes").write_text(f"* 127.0.0.1:{backend},over_http\n")
    http_client = folder / "zurl.conf"
    http_client.write_text(HTTP_CLIENT.format(folder=folder))
    node = processes.start(["node", HERE / "handlers" / "websocket_over_http.js", str(backend)])
    zurl = processes.start(["/usr/bin/zurl", f"--config={http_client}"])
    runner = processes.start(["/usr/bin/pushpin", f"--config={configuration}"])
    for each in (backend, port, publish):
        processes.wait_for(each)
    return Subject(
        name="Pushpin",
        version=debian_version("pushpin"),
        websocket=f"ws://127.0.0.1:{port}/",
        post=Post(
            f"http://127.0.0.1:{publish}/publish/",
            '{"items":[{"channel":"{id}","formats":{"ws-message":{"content":"{payload}"}}}]}',
            {"Content-Type": "application/json"},
        ),
        round_trips=True,
        processes=[runner, zurl],
        backends=[node],
    )
