export SSHPASS=secret
options="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
ssh() { sshpass -e ssh $options "$@"; }

ssh root@www.lab 'ls -l /etc; sleep .3; cat /etc/services' >/dev/null
printf 'ls /srv/www\nget /srv/www/a.bin /tmp/a.bin\nput /etc/services /tmp/s\n' | sshpass -e sftp $options root@www.lab >/dev/null
sshpass -e scp $options root@www.lab:/srv/www/long.html /tmp/
SSHPASS=no ssh root@www.lab true
ssh-keyscan www.lab >/dev/null 2>&1
printf 'hello\r\n' | nc -w 1 www.lab 22
for cipher in chacha20-poly1305@openssh.com aes128-gcm@openssh.com aes128-ctr aes256-ctr; do
    ssh -c $cipher root@www.lab 'head -c 30000 /dev/urandom' >/dev/null
done
for mac in hmac-sha2-256 hmac-sha1; do
    ssh -c aes192-ctr -m $mac root@www.lab 'head -c 30000 /dev/urandom' >/dev/null
done
for method in curve25519-sha256 ecdh-sha2-nistp256 diffie-hellman-group14-sha256 diffie-hellman-group-exchange-sha256 \
    sntrup761x25519-sha512@openssh.com; do
    ssh -o KexAlgorithms=$method root@www.lab true
done
ssh -C root@www.lab 'cat /etc/services' >/dev/null
ssh -p 2222 root@www.lab true
