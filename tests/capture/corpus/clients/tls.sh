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
