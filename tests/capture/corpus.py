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
async def main():
    async with websockets.serve(echo, "0.0.0.0", 8765): await asyncio.Future()
asyncio.run(main())
PYTHON
setsid python3 /srv/app.py >/dev/null 2>&1 &
setsid python3 /srv/echo.py >/dev/null 2>&1 &
"""
NAMES: Final = r"""
cat > /etc/bind/lab.zone <<'ZONE'
$TTL 300
@ SOA ns.lab. hostmaster.lab. 1 3600 600 86400 60
@ NS ns
@ MX 10 mail
@ MX 20 mail2
@ TXT "v=spf1 -all"
@ CAA 0 issue "ca.lab"
ns A 10.0.2.3
www A 10.0.2.3
www AAAA 2001:db8::3
mail A 10.0.2.3
mail2 A 10.0.2.4
alias CNAME www
alias2 CNAME alias
_http._tcp SRV 0 5 80 www
host HINFO "PC" "LINUX"
loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
ptr PTR www
naptr NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@lab!" .
key SSHFP 1 1 123456789abcdef67890123456789abcdef67890
tlsa TLSA 3 1 1 8755CDAA8FE24EF16CC0F2C918063185E433FAAF1415664911D9E30A924138C4
dname DNAME www
uri URI 10 1 "http://www.lab/"
many TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
rp RP admin.lab. txt.lab.
afs AFSDB 1 www
*.wild A 10.0.2.99
svc HTTPS 1 . alpn="h2"
child NS ns.child
ns.child A 10.0.2.77
ZONE
for n in $(seq 60); do echo "many TXT \"number $n of many that together are too long for one datagram\"" >> /etc/bind/lab.zone; done
cat > /etc/bind/named.conf <<'NAMED'
options { directory "/var/cache/bind"; recursion no; listen-on { any; }; allow-transfer { none; }; dnssec-validation no; };
zone "lab" { type master; file "/var/cache/bind/lab.zone"; allow-update { any; }; };
zone "open" { type master; file "/var/cache/bind/open.zone"; allow-transfer { any; }; };
NAMED
mkdir -p /var/cache/bind && cp /etc/bind/lab.zone /var/cache/bind/lab.zone
sed 's/lab\./open./g' /etc/bind/lab.zone > /var/cache/bind/open.zone
chown -R root: /var/cache/bind
named -c /etc/bind/named.conf
"""
SERVICES: Final = r"""
mkdir -p /run/sshd /srv/tftp /var/run/chrony; echo 'root:secret' | chpasswd
ssh-keygen -A >/dev/null
/usr/sbin/sshd -o PermitRootLogin=yes -o PasswordAuthentication=yes -o UsePAM=no
cp /srv/www/a.bin /srv/www/a.txt /srv/tftp/; touch /srv/tftp/up.bin; chmod 666 /srv/tftp/*
in.tftpd -l -c -s /srv/tftp
iperf3 -s -D
printf 'rocommunity public\nsyslocation here\n' > /srv/snmpd.conf
snmpd -Lf /dev/null -C -c /srv/snmpd.conf -u root udp:161
printf '[files]\npath=/srv/www\nuid=root\ngid=root\n' > /srv/rsyncd.conf; rsync --daemon --config=/srv/rsyncd.conf
printf 'local stratum 8\nallow all\nbindcmdaddress /\n' > /srv/chrony.conf; setsid chronyd -x -f /srv/chrony.conf >/dev/null 2>&1 &
printf 'listen=YES\nanonymous_enable=YES\nwrite_enable=YES\nanon_root=/srv/tftp\nseccomp_sandbox=NO\n' > /srv/ftp.conf
mkdir -p /var/run/vsftpd/empty; chmod 755 /srv/tftp; setsid vsftpd /srv/ftp.conf >/dev/null 2>&1 &
printf 'listener 1883\nallow_anonymous true\n' > /srv/mosquitto.conf; setsid mosquitto -c /srv/mosquitto.conf >/dev/null 2>&1 &
setsid redis-server --bind 0.0.0.0 --protected-mode no >/dev/null 2>&1 &
id mallory >/dev/null 2>&1 || useradd -m mallory; echo 'mallory:secret' | chpasswd
postconf -e 'inet_interfaces=all' 'mydestination=localhost, lab' 2>/dev/null; newaliases; postfix start >/dev/null 2>&1
printf 'protocols = imap pop3\nmail_location = mbox:~/mail:INBOX=/var/mail/%%u\ndisable_plaintext_auth = no\nssl = no\n
passdb {\n driver = static\n args = password=secret\n}\nuserdb {\n driver = passwd\n}\nlog_path = /dev/null\nmail_privileged_group = mail\n' > /srv/dovecot.conf
dovecot -c /srv/dovecot.conf
printf 'telnet stream tcp nowait root /usr/sbin/telnetd telnetd\ndaytime stream tcp nowait root internal\necho stream tcp nowait root internal\necho dgram udp wait root internal\ndiscard stream tcp nowait root internal\nchargen dgram udp wait root internal\n' > /srv/inetd.conf
inetutils-inetd /srv/inetd.conf
mkdir -p /run/dbus; dbus-daemon --system --fork 2>/dev/null; avahi-daemon -D --no-drop-root --no-chroot --no-rlimits 2>/dev/null
ip addr add fd00:a::3/64 dev eth0 nodad 2>/dev/null
setsid dnsmasq -k -p 0 -i eth0 --dhcp-authoritative -F 10.0.2.100,10.0.2.120,1h -F fd00:a::100,fd00:a::120,64,1h -s lab --enable-ra -O 6,10.0.2.3 -l /tmp/leases >/dev/null 2>&1 &
cd /srv/www
setsid openssl s_server -accept 4433 -cert /srv/cert.pem -key /srv/key.pem -www -quiet >/dev/null 2>&1 &
sleep infinity | setsid openssl s_server -accept 4434 -cert /srv/eccert.pem -key /srv/eckey.pem -tls1_2 -client_renegotiation -quiet >/dev/null 2>&1 &
setsid openssl s_server -accept 4435 -cert /srv/cert.pem -key /srv/key.pem -Verify 1 -CAfile /srv/cert.pem -www -quiet >/dev/null 2>&1 &
setsid openssl s_server -accept 4436 -cert /srv/cert.pem -key /srv/key.pem -www -quiet -tls1 -cipher ALL:@SECLEVEL=0 >/dev/null 2>&1 &
setsid openssl s_server -accept 4437 -dtls -cert /srv/cert.pem -key /srv/key.pem -quiet >/dev/null 2>&1 &
sleep infinity | setsid openssl s_server -accept 4438 -cert /srv/cert.pem -key /srv/key.pem -quiet -early_data -alpn h2,http/1.1 >/dev/null 2>&1 &
true
"""
CLIENT: Final = r"""
mkdir -p /run/dbus; dbus-daemon --system --fork 2>/dev/null; avahi-daemon -D --no-drop-root --no-chroot --no-rlimits 2>/dev/null
grep -q www.lab /etc/hosts || echo '10.0.2.3 www.lab mail.lab' >> /etc/hosts
"""

MIXED: Final = "mixed"

# What the clients do; each is a capture of its own. What is only to be seen needs no success.
SCENES: Final = {
    "http": r"""
        for f in index.html long.html a.json long.json a.xml a.svg a.txt a.css a.js a.pdf a.zip a.woff2 a.gif a.png \
            a.jpg a.ico a.bin empty.txt none teapot broken nowhere old moved secret list/; do
            curl -s -o /dev/null http://www.lab/$f; done
        curl -s --compressed http://www.lab/{long.html,long.json,a.css,a.js,a.xml,index.html} -o /dev/null
        curl -s -o /dev/null -o /dev/null -o /dev/null http://www.lab/{a.txt,a.json,a.png}
        curl -sI http://www.lab/{index.html,a.json,big.bin} >/dev/null
        curl -sL http://www.lab/old http://www.lab/moved >/dev/null
        curl -s -H 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT' http://www.lab/a.json
        curl -s -r 10-99 http://www.lab/a.bin -o /dev/null; curl -s -r 0-9,20-29 http://www.lab/a.txt -o /dev/null
        curl -s -0 http://www.lab/a.txt -o /dev/null; curl -s -u user:pass http://www.lab/secret
        for p in chunked events jsons close x; do curl -s http://www.lab:8080/$p -o /dev/null; curl -s http://www.lab/app/$p -o /dev/null; done
        curl -s -d 'a=1&b=2' http://www.lab:8080/form; curl -s -F 'f=@/etc/hostname' -F x=y http://www.lab:8080/up
        curl -s --json '{"a": 1}' http://www.lab:8080/j; curl -s -T /etc/services http://www.lab:8080/put
        curl -s -d @/etc/services http://www.lab/app/services -o /dev/null; curl -s -H 'Transfer-Encoding: chunked' -d @/etc/hosts http://www.lab/app/c -o /dev/null
        curl -s -X DELETE http://www.lab:8080/d; curl -s -X OPTIONS http://www.lab:8080/o; curl -s -X PATCH -d z http://www.lab:8080/p
        curl -s -X TRACE http://www.lab/; curl -s -X WHAT http://www.lab/ ; curl -s http://www.lab:8080/q?a=1\&b=%20%c3%a9
        curl -s --max-time 2 http://www.lab:22 -o /dev/null; curl -s -m 2 http://www.lab:81; curl -s -m 2 --http0.9 http://www.lab:13
        printf 'GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /a.json HTTP/1.1\r\nHost: a\r\n\r\nGET /a.png HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' | nc -N www.lab 80 >/dev/null
        printf 'nonsense\r\n\r\n' | nc -N www.lab 80 >/dev/null; printf 'GET / HTTP/1.0\n\n' | nc -N www.lab 80 >/dev/null
        (printf 'GET /a.txt HT'; sleep .2; printf 'TP/1.1\r\nHost: a\r\n'; sleep .2; printf 'Connection: close\r\n\r\n'; sleep .3) | nc -N www.lab 80 >/dev/null
        wget -q -O /dev/null http://www.lab/{a.bin,long.html,a.xml}; timeout 3 curl -s http://www.lab/slow/a.bin -o /dev/null
        python3 -c "import http.client as h
c=h.HTTPConnection('www.lab',8080)
for n in range(200):
    c.request('POST' if n%3==0 else 'GET','/%d'%n,b'x'*n*20 if n%3==0 else None); c.getresponse().read()"
    """,
    "download": "for n in 1 2 3; do curl -s http://www.lab/big.bin -o /dev/null; done",
    "apt": "apt-get update -q >/dev/null; apt-get install -q -y --reinstall --no-install-recommends wget tree nano >/dev/null 2>&1",
    "dns": r"""
        for t in A AAAA NS MX TXT SOA CAA ANY SRV PTR HINFO LOC NAPTR SSHFP TLSA DNAME URI RP AFSDB HTTPS SVCB DS DNSKEY TYPE999 CDS NSEC RRSIG; do
            dig +tries=1 +time=1 @10.0.2.3 $t lab; done >/dev/null
        for n in www.lab alias.lab alias2.lab nothere.lab x.wild.lab _http._tcp.lab host.lab loc.lab naptr.lab key.lab tlsa.lab uri.lab rp.lab \
            afs.lab a.dname.lab svc.lab child.lab x.child.lab elsewhere.org many.lab ptr.lab . ; do
            for t in A AAAA ANY TXT PTR SRV HTTPS; do dig +tries=1 +time=1 @10.0.2.3 $t $n; done; done >/dev/null
        dig +noedns @10.0.2.3 www.lab >/dev/null; dig +dnssec @10.0.2.3 www.lab >/dev/null; dig +tcp @10.0.2.3 www.lab >/dev/null
        dig +ignore +bufsize=512 TXT many.lab @10.0.2.3 >/dev/null; dig AXFR lab @10.0.2.3 >/dev/null; dig AXFR open @10.0.2.3 >/dev/null; dig IXFR=1 open @10.0.2.3 >/dev/null
        dig +subnet=10.0.0.0/8 +nsid +cookie @10.0.2.3 www.lab >/dev/null; dig CH TXT version.bind @10.0.2.3 >/dev/null; dig +opcode=notify SOA lab @10.0.2.3 > /dev/null; dig +opcode=2 lab @10.0.2.3 >/dev/null
        dig +edns=5 @10.0.2.3 www.lab >/dev/null; dig -x 10.0.2.3 @10.0.2.3 >/dev/null; dig -x 2001:db8::1 @10.0.2.3 >/dev/null; dig +norec @10.0.2.3 www.lab >/dev/null
        dig +tcp +keepopen @10.0.2.3 www.lab www.lab MX lab TXT many.lab >/dev/null; dig +header-only @10.0.2.3 >/dev/null
        printf 'server 10.0.2.3\nzone lab\nupdate add new.lab 60 A 10.1.1.1\nsend\nupdate delete new.lab A\nsend\nprereq nxdomain www.lab\nupdate add z.lab 5 TXT x\nsend\n' | nsupdate
        for n in one.org two.com three.net; do dig +short $n; host $n; nslookup $n; getent hosts $n; done >/dev/null; dig +tcp one.org >/dev/null; dig -p 54 +tries=1 +time=1 lab @10.0.2.3 >/dev/null
        dig -p 5353 +tries=1 +time=1 www.local @224.0.0.251 >/dev/null; dig -p 5355 +tries=1 +time=1 www @10.0.2.3 > /dev/null
    """,
    "mdns": r"""
        avahi-resolve -n outside.local; avahi-resolve -a 10.0.2.3; timeout 3 avahi-browse -atr; timeout 3 avahi-publish -s mine _http._tcp 80 path=/ &
        timeout 4 avahi-browse -r _http._tcp; timeout 2 avahi-resolve -6 -n outside.local; timeout 3 avahi-resolve -n nobody.local; wait
    """,
    "dhcp": r"""
        printf 'lease {\n interface "eth0";\n fixed-address 172.30.1.1;\n option subnet-mask 255.255.0.0;\n renew 1 2035/1/1 00:00:00;\n rebind 1 2035/1/1 00:00:00;\n expire 1 2036/1/1 00:00:00;\n}\n' > /tmp/old.leases
        D="-sf /bin/true -pf /tmp/dhclient.pid"
        for n in 1 2; do timeout 9 dhclient -1 $D -lf /tmp/leases eth0; kill $(cat /tmp/dhclient.pid); dhclient -r $D -lf /tmp/leases eth0; done
        timeout 15 dhclient -1 $D -lf /tmp/old.leases eth0; kill $(cat /tmp/dhclient.pid)
        for n in 1 2 3; do udhcpc -n -q -t 2 -T 1 -s /bin/true -i eth0 -x hostname:box$n; done; udhcpc -n -q -R -s /bin/true -i eth0; udhcpc -n -q -t 2 -T 1 -r 172.16.1.1 -s /bin/true -i eth0
        ip addr add fd00:a::15/64 dev eth0 nodad; timeout 6 dhclient -6 -1 $D -lf /tmp/leases6 eth0; kill $(cat /tmp/dhclient.pid); dhclient -6 -r $D -lf /tmp/leases6 eth0; timeout 4 dhclient -6 -S -1 $D -lf /tmp/leases6 eth0
        timeout 9 nmap -n --script broadcast-dhcp-discover >/dev/null; timeout 9 nmap -n -sU -p 67 --script dhcp-discover 10.0.2.3; ip addr del fd00:a::15/64 dev eth0
    """,
    "ping": r"""
        ping -c 20 -i .05 10.0.2.3; ping -c 5 -i .05 8.8.8.8; ping -c 2 -i .1 -W 1 10.0.2.99; ping -c 2 -s 4000 -i .1 10.0.2.3; ping -c 2 -t 1 9.9.9.9; ping -c 1 -s 0 1.1.1.1
        ping -6 -c 5 -i .05 fe80::aff:fe00:203%eth0; ping -6 -c 2 ff02::1%eth0; ping -6 -s 3000 -c 2 fe80::aff:fe00:203%eth0; ping -c 2 -b 10.0.2.255; arping -c 2 10.0.2.3; arping -c 1 -U 10.0.2.15; arping -D -c 1 10.0.2.77
        traceroute -n -q 1 -w 1 9.9.9.9; traceroute -n -I -q 1 -w 1 9.9.9.9; traceroute -n -T -q 1 -w 1 9.9.9.9; traceroute -n -m 3 -q 1 -w 1 10.0.2.99; ping -M do -s 2000 -c 1 10.0.2.3; ping -c 2 -T tsonly 10.0.2.3; ping -R -c 1 10.0.2.3
    """,
    "ssh": r"""
        export SSHPASS=secret; O="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        sshpass -e ssh $O root@www.lab 'ls -l /etc; sleep .3; cat /etc/services' >/dev/null; printf 'ls /srv/www\nget /srv/www/a.bin /tmp/a.bin\nput /etc/services /tmp/s\n' | sshpass -e sftp $O root@www.lab >/dev/null
        sshpass -e scp $O root@www.lab:/srv/www/long.html /tmp/; SSHPASS=no sshpass -e ssh $O root@www.lab true; ssh-keyscan www.lab >/dev/null 2>&1; printf 'hello\r\n' | nc -w 1 www.lab 22
        for m in hmac-sha2-256 hmac-sha1; do for c in aes128-ctr aes256-cbc aes128-gcm@openssh.com chacha20-poly1305@openssh.com; do sshpass -e ssh $O -c $c -m $m root@www.lab 'head -c 30000 /dev/urandom' >/dev/null; done; done
        for k in curve25519-sha256 ecdh-sha2-nistp256 diffie-hellman-group14-sha256 diffie-hellman-group-exchange-sha256 sntrup761x25519-sha512@openssh.com; do sshpass -e ssh $O -o KexAlgorithms=$k root@www.lab true; done
        sshpass -e ssh $O -C root@www.lab 'cat /etc/services' >/dev/null; sshpass -e ssh $O -p 2222 root@www.lab true
    """,
    "iperf": "iperf3 -c www.lab -n 8M; iperf3 -c www.lab -n 8M -R; iperf3 -c www.lab -u -b 30M -t 1; iperf3 -c www.lab -u -b 30M -t 1 -R -l 200; iperf3 -c www.lab -P 3 -n 3M; iperf3 -c www.lab -n 2M -M 536",
    "tls": r"""
        for v in '--tlsv1.2 --tls-max 1.2' '--tlsv1.3' '--http1.1' '--http2'; do for f in a.txt a.json long.html a.bin nowhere; do curl -sk $v https://www.lab/$f -o /dev/null; done; done
        curl -s https://www.lab/; curl -sk --tls-max 1.1 https://www.lab/; curl -sk --ciphers NULL https://www.lab/; curl -sk https://www.lab/{a.txt,a.json,a.png} -o /dev/null
        for p in 4433 4434 4435 4436 4438; do for v in -tls1_2 -tls1_3 -tls1_1 -tls1; do (printf 'GET / HTTP/1.0\r\n\r\n'; sleep .3) | timeout 2 openssl s_client -connect www.lab:$p $v -cipher ALL:@SECLEVEL=0 -quiet >/dev/null 2>&1; done; done
        (echo R; sleep .3; echo hello; sleep .2) | timeout 2 openssl s_client -connect www.lab:4434 -tls1_2 -legacy_renegotiation >/dev/null 2>&1
        (sleep .2; echo K; sleep .2; echo k; sleep .2; echo Q) | timeout 2 openssl s_client -connect www.lab:4433 -tls1_3 -sess_out /tmp/sess >/dev/null 2>&1
        for n in 1 2; do (printf 'GET / HTTP/1.0\r\n\r\n'; sleep .3) | timeout 2 openssl s_client -connect www.lab:4438 -tls1_3 -sess_out /tmp/sess2 $(test -f /tmp/sess2 && echo -sess_in /tmp/sess2 -early_data /etc/hostname) -alpn h2 -servername www.lab -ign_eof >/dev/null 2>&1; done
        for n in 1 2; do (printf 'GET / HTTP/1.0\r\n\r\n'; sleep .2) | timeout 2 openssl s_client -connect www.lab:4434 -tls1_2 -sess_out /tmp/sess3 $(test -f /tmp/sess3 && echo -sess_in /tmp/sess3) -quiet >/dev/null 2>&1; done
        (sleep .3; echo hi; sleep .2) | timeout 2 openssl s_client -dtls1_2 -connect www.lab:4437 >/dev/null 2>&1
        timeout 2 openssl s_client -connect www.lab:80 </dev/null >/dev/null 2>&1; printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 1 www.lab 443 >/dev/null; timeout 2 openssl s_client -connect www.lab:443 -verify_return_error </dev/null >/dev/null 2>&1
        timeout 2 openssl s_client -groups P-521 -connect www.lab:443 </dev/null >/dev/null 2>&1; timeout 2 openssl s_client -curves P-256 -tls1_3 -connect www.lab:4433 </dev/null > /dev/null 2>&1; timeout 2 openssl s_client -status -connect www.lab:443 -tls1_2 </dev/null >/dev/null 2>&1
    """,
    "mail": r"""
        swaks --to mallory@lab --from me@lab --server www.lab --body 'a body'; swaks --to mallory@lab --from me@lab --server www.lab --attach /etc/services --header 'Subject: s'; swaks --to nobody@elsewhere.org --from me@lab --server www.lab; swaks -tls --to mallory@lab --server www.lab
        sleep .5; curl -s imap://www.lab/ -u mallory:secret; curl -s 'imap://www.lab/INBOX;MAILINDEX=1' -u mallory:secret; curl -s pop3://www.lab/ -u mallory:secret; curl -s pop3://www.lab/1 -u mallory:secret; curl -s pop3://www.lab/1 -u mallory:wrong; curl -s imap://www.lab/ -u mallory:wrong
        curl -s imap://www.lab/INBOX -X 'FETCH 1:2 (FLAGS BODY[HEADER])' -u mallory:secret
    """,
    "ftp": r"""
        lftp -e 'ls; get a.txt -o /tmp/x; get a.bin -o /tmp/y; cd nowhere; put /etc/services; bye' ftp://www.lab; curl -s ftp://www.lab/ ; curl -s --ftp-port - ftp://www.lab/a.txt >/dev/null; curl -s --disable-epsv ftp://www.lab/a.bin -o /dev/null
        cd /tmp; printf 'binary\nget a.bin\nget nothing\nput /etc/services up.bin\nmode ascii\nget a.txt\n' | tftp www.lab; tftp www.lab -m octet -c get a.txt; curl -s tftp://www.lab/a.bin -o /dev/null; curl -s --tftp-blksize 1024 tftp://www.lab/a.bin -o /dev/null
    """,
    "services": r"""
        ntpdate -q www.lab; ntpdig www.lab; snmpget -v2c -c public www.lab 1.3.6.1.2.1.1.1.0; snmpwalk -v2c -c public www.lab 1.3.6.1.2.1.1; snmpbulkget -v2c -c public www.lab 1.3.6.1.2.1.2; snmpget -v1 -c public www.lab 1.3.6.1.2.1.1.5.0 1.3.6.1.9; snmpget -v3 -u me -l noAuthNoPriv www.lab 1.3.6.1.2.1.1.5.0; snmpset -v2c -c public www.lab 1.3.6.1.2.1.1.5.0 s x; snmptrap -v2c -c public www.lab '' 1.3.6.1.4.1.9
        for p in user.info daemon.err kern.crit auth.notice local3.debug; do logger -n www.lab -P 514 -d -p $p "it happened"; logger -n www.lab -P 514 -d -p $p --rfc3164 "it happened again"; done; logger -n www.lab -P 514 -T --rfc5424 over tcp
        rsync -r rsync://www.lab/files/ /tmp/files; rsync rsync://www.lab/; (echo root; sleep .3; echo secret; sleep .5; echo ls /etc; sleep .5; echo exit; sleep .3) | timeout 4 telnet www.lab; nc -w 1 www.lab 13; echo hi | nc -w 1 www.lab 7; echo hi | nc -u -w 1 www.lab 7; echo hi | nc -u -w 1 www.lab 19
        for q in 0 1 2; do timeout 2 mosquitto_sub -h www.lab -t 'a/#' -q $q -C 2 & sleep .2; mosquitto_pub -h www.lab -t a/b -m hello -q $q; mosquitto_pub -h www.lab -t a/c -m bye -r -q $q -V mqttv5; wait; done
        redis-cli -h www.lab set a 1; redis-cli -h www.lab get a; redis-cli -h www.lab info
        python3 -c "
import asyncio, websockets
async def main():
    async with websockets.connect('ws://www.lab:8765/chat') as s:
        for n in (1, 100, 200, 70000): await s.send('x' * n); await s.recv()
        await s.send(b'bytes'); await s.recv(); await (await s.ping())
asyncio.run(main())"
    """,
    "nc": r"""
        head -c 200000 /dev/urandom | nc -w 1 -N www.lab 9; head -c 3000 /dev/zero | nc -u -w 1 www.lab 9999; nc -z -w 1 www.lab 1-30; nmap -n -Pn -p 1-200 www.lab >/dev/null; nmap -n -sU -p 53,67,69,111,123,137,161,500,514,520,631,1900,5353 --max-retries 0 www.lab >/dev/null; nmap -n -sF -p 22,80 www.lab >/dev/null; nmap -n -O www.lab >/dev/null; nmap -n -sn 10.0.2.0/28 > /dev/null; nmap -sV -n -p 22,25,80,110,143,443,6379,1883 www.lab >/dev/null
    """,
}


def capture(node: Node, file: Path, interface: str = "eth0") -> Process:
    """Start tcpdump in a node and return when it listens."""
    reading, writing = os.pipe()
    with file.open("wb") as out:
        command = ["tcpdump", "-U", "-B", "32768", "-i", interface, "-w", "-"]
        tcpdump = node.spawn(command, places={1: out.fileno(), 2: writing})
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        said.readline()
    return tcpdump


def stop(tcpdump: Process) -> None:
    """End a capture when what is on its way has come: tcpdump looks once a second."""
    tcpdump.node.run("sleep 1.3")
    tcpdump.signal(2)
    tcpdump.wait(5)


def furnish(lab: Lab) -> None:
    """Install and start the programs; the cables carry what a wire would: no segments of 64 KiB."""
    for node, packages in (("outside", SERVERS), ("host", CLIENTS)):
        lab[node].run("apt-get update -q && apt-get install -q -y --no-install-recommends " + packages, timeout=300)
        lab[node].run("ethtool -K eth0 tso off gso off gro off", check=False)
    for script in (SITE, NGINX, APP, NAMES, SERVICES):
        lab["outside"].run(script, timeout=60)
    lab["host"].run(CLIENT, check=False)
    lab["host"].run("for n in $(seq 50); do nc -z 10.0.2.3 8765 && exit; sleep .1; done", check=False)


def mix(host: Node) -> None:
    """Run all scenes at the same time, and again."""
    for _ in range(2):
        for process in [host.spawn(["bash", "-c", script]) for script in SCENES.values()]:
            process.wait(240)


def main(directory: Path, names: list[str]) -> None:
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
