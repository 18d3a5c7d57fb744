avahi-resolve -n outside.local; avahi-resolve -a 10.0.2.3; timeout 3 avahi-browse -atr; timeout 3 avahi-publish -s mine _http._tcp 80 path=/ &
timeout 4 avahi-browse -r _http._tcp; timeout 2 avahi-resolve -6 -n outside.local; timeout 3 avahi-resolve -n nobody.local; wait
