for n in 1 2 3; do curl -s http://www.lab/big.bin -o /dev/null; done
