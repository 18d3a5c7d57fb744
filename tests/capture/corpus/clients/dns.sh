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
