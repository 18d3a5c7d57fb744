iperf3 -c www.lab -n 8M; iperf3 -c www.lab -n 8M -R; iperf3 -c www.lab -u -b 30M -t 1; iperf3 -c www.lab -u -b 30M -t 1 -R -l 200; iperf3 -c www.lab -P 3 -n 3M; iperf3 -c www.lab -n 2M -M 536
