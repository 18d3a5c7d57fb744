"""Make captures of real programs' traffic in a lab: `python tests/capture/corpus.py DIRECTORY`.

The programs are Debian's; a node `outside` has the servers, `host` the clients, and each scene below becomes one file,
`mixed.pcap` all of them at once. The share of rows that are equal to tshark's is measured on them (compare.py).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from nslab import Lab
from nslab.sandbox.door import Node, Process

CLIENTS: Final = (
    "python3 dnsutils iputils-ping iputils-arping traceroute openssh-client iperf3 openssl netcat-openbsd udhcpc"
    " isc-dhcp-client tftp-hpa snmp telnet rsync wget ntpdate nmap mosquitto-clients avahi-daemon avahi-utils curl"
    " bsdutils lftp swaks sshpass ethtool redis-tools libnss-mdns dbus python3-websockets"
)
SERVERS: Final = (
    "python3 nginx bind9 dnsmasq openssh-server openssh-sftp-server iperf3 openssl netcat-openbsd tftpd-hpa snmpd"
    " telnetd inetutils-inetd rsync chrony vsftpd postfix mosquitto avahi-daemon dbus dovecot-imapd dovecot-pop3d"
    " redis-server isc-dhcp-server ethtool python3-websockets"
)

SITE: Final = r"""
mkdir -p /srv/www && cd /srv/www
python3 - <<'PYTHON'
import json, random, struct, zlib
random.seed(3)
def put(name, data): open(name, "wb").write(data if isinstance(data, bytes) else data.encode())
put("index.html", "<!doctype html><title>hi</title><p>hello</p>")
put("long.html", "<!doctype html><title>long</title>" + "<p>hello, world</p>" * 3000)
put("a.json", json.dumps({"a": [1, 2, {"b": None}]}))
put("long.json", json.dumps([{"n": n, "s": "x" * 30} for n in range(900)]))
put("a.xml", '<?xml version="1.0"?><a><b c="d">e</b></a>')
put("a.svg", '<svg xmlns="http://www.w3.org/2000/svg"><rect width="3" height="3"/></svg>')
put("a.txt", "just text\n" * 50)
put("a.css", "p { color: red }\n")
put("a.js", "console.log(1)\n")
put("a.pdf", b"%PDF-1.4\n%%EOF\n")
put("a.zip", b"PK\x05\x06" + bytes(18))
put("a.woff2", b"wOF2" + bytes(60))
put("a.gif", b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;")
chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
pixel = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
put("a.png", b"\x89PNG\r\n\x1a\n" + pixel + chunk(b"IEND", b""))
put("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9")
put("a.ico", b"\0\0\1\0\1\0\1\1\0\0\1\0\x18\0\x30\0\0\0\x16\0\0\0" + bytes(48))
put("a.bin", random.randbytes(300_000))
put("big.bin", random.randbytes(3_000_000))
put("empty.txt", b"")
PYTHON
"""
NGINX: Final = r"""
openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=www.lab -keyout /srv/key.pem -out /srv/cert.pem 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=ec.lab \
    -keyout /srv/eckey.pem -out /srv/eccert.pem 2>/dev/null
cat > /srv/nginx.conf <<'NGINX'
events {}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    gzip on; gzip_min_length 20; gzip_types text/css application/javascript application/json text/xml;
    dav_methods_on_none off;
    server {
        listen 80; listen 443 ssl http2; root /srv/www;
        ssl_certificate /srv/cert.pem; ssl_certificate_key /srv/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
        location /old { return 301 /index.html; }
        location /moved { return 302 http://www.lab/a.txt; }
        location /secret { auth_basic "closed"; auth_basic_user_file /srv/users; }
        location /teapot { return 418 "short and stout"; }
        location /broken { return 500; }
        location /list/ { alias /srv/www/; autoindex on; }
        location /none { return 204; }
        location /slow { alias /srv/www/; limit_rate 40k; }
        location /app/ { proxy_pass http://127.0.0.1:8080/; proxy_http_version 1.1; proxy_buffering off; }
    }
}
NGINX
sed -i /dav_methods_on_none/d /srv/nginx.conf
echo 'user:{PLAIN}pass' > /srv/users
nginx -c /srv/nginx.conf
"""
APP: Final = r"""
cat > /srv/app.py <<'PYTHON'
import asyncio, http.server, json, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def chunks(self, kind, parts, pause=0.0):
        self.send_response(200); self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part)); time.sleep(pause)
        self.wfile.write(b"0\r\n\r\n")
    def do_GET(self):
        if "chunked" in self.path: self.chunks("text/plain; charset=utf-8", [b"x" * 900] * 8)
        elif "events" in self.path: self.chunks("text/event-stream", [b"data: 1\n\n"] * 5, 0.01)
        elif "jsons" in self.path: self.chunks("application/json", [b"[1,", b"2]"])
        elif "close" in self.path:
            self.send_response(200); self.send_header("Content-Type", "text/html"); self.send_header("Connection", "close")
            self.end_headers(); self.wfile.write(b"<p>until the end</p>" * 400); self.close_connection = True
        else: self.answer(200, {"path": self.path})
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status); self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def body(self): return self.rfile.read(int(self.headers.get("Content-Length", 0)))
    def do_POST(self): self.answer(201, {"size": len(self.body())})
    def do_PUT(self): self.body(); self.send_response(204); self.end_headers()
    def do_DELETE(self): self.answer(200, {})
    def do_OPTIONS(self): self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    do_PATCH = do_POST
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
PYTHON
cat > /srv/echo.py <<'PYTHON'
import asyncio, websockets
async def echo(socket):
    async for message in socket: await socket.send(message)
async def main(directory: Path, names: list[str]) -> None:
    """Write a capture for each scene, and one for all of them together."""
    directory.mkdir(parents=True, exist_ok=True)
    with Lab.up(f"corpus-{os.getpid()}", owner=os.getpid()) as lab:
        furnish(lab)
        host = lab["host"]
        for name in names or [*SCENES, MIXED]:
            tcpdump = capture(host, directory / f"{name}.pcap")
            if name == MIXED:
                mix(host)
            else:
                host.run(SCENES[name], check=False, timeout=240)
            stop(tcpdump)


def mix(host: Node) -> None:
    """Run all scenes at the same time, and some again."""
    for _ in range(2):
        for process in [host.spawn(["bash", "-c", script]) for script in SCENES.values()]:
            process.wait(240)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
