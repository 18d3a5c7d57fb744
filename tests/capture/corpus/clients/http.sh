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
