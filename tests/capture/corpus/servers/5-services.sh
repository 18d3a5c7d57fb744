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
