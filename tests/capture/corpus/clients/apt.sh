apt-get update -q >/dev/null; apt-get install -q -y --reinstall --no-install-recommends wget tree nano >/dev/null 2>&1
