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
