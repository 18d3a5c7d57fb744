"""The lab's internet: a resolver and a Debian mirror, served into the lab by one process outside it."""
