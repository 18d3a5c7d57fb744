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
