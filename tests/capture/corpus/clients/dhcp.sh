printf 'lease {\n interface "eth0";\n fixed-address 172.30.1.1;\n option subnet-mask 255.255.0.0;\n renew 1 2035/1/1 00:00:00;\n rebind 1 2035/1/1 00:00:00;\n expire 1 2036/1/1 00:00:00;\n}\n' > /tmp/old.leases
D="-sf /bin/true -pf /tmp/dhclient.pid"
for n in 1 2; do timeout 9 dhclient -1 $D -lf /tmp/leases eth0; kill $(cat /tmp/dhclient.pid); dhclient -r $D -lf /tmp/leases eth0; done
timeout 15 dhclient -1 $D -lf /tmp/old.leases eth0; kill $(cat /tmp/dhclient.pid)
for n in 1 2 3; do udhcpc -n -q -t 2 -T 1 -s /bin/true -i eth0 -x hostname:box$n; done; udhcpc -n -q -R -s /bin/true -i eth0; udhcpc -n -q -t 2 -T 1 -r 172.16.1.1 -s /bin/true -i eth0
ip addr add fd00:a::15/64 dev eth0 nodad; timeout 6 dhclient -6 -1 $D -lf /tmp/leases6 eth0; kill $(cat /tmp/dhclient.pid); dhclient -6 -r $D -lf /tmp/leases6 eth0; timeout 4 dhclient -6 -S -1 $D -lf /tmp/leases6 eth0
timeout 9 nmap -n --script broadcast-dhcp-discover >/dev/null; timeout 9 nmap -n -sU -p 67 --script dhcp-discover 10.0.2.3; ip addr del fd00:a::15/64 dev eth0
