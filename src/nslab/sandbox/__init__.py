"""Namespaces, mounts, processes: start, enter, run, end. Knows no packet and no notebook; standard library only."""
