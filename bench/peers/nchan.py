"""Nchan in nginx: a client subscribes to the channel of its id, and posts are publishes to it."""

from peer import Post, Processes, Subject, debian_version, free_ports, need_debian

CONFIGURATION = """
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 100000;
events {{ worker_connections 65536; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /sub {{
            nchan_subscriber websocket;
            nchan_channel_id $arg_id;
            nchan_subscriber_first_message newest;
        }}
        location = /pub {{
            nchan_publisher http;
            nchan_channel_id $arg_id;
            # A message is for who is there, as with @connections.
            nchan_message_buffer_length 0;
        }}
    }}
}}
"""


def start(processes: Processes) -> Subject:
    need_debian(
        {
            "nginx-light": "/usr/sbin/nginx",
            "libnginx-mod-nchan": "/usr/lib/nginx/modules/ngx_nchan_module.so",
        }
    )
    (port,) = free_ports(1)
    configuration = processes.folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=processes.folder, port=port))
    pid = processes.start(["/usr/sbin/nginx", "-p", processes.folder, "-c", configuration])
    processes.wait_for(port)
    return Subject(
        name="Nchan",
        version=debian_version("libnginx-mod-nchan"),
        websocket=f"ws://127.0.0.1:{port}/sub?id={{id}}",
        post=Post(f"http://127.0.0.1:{port}/pub?id={{id}}"),
        round_trips=False,
        processes=[pid],
    )
