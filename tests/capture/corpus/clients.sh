mkdir -p /run/dbus; dbus-daemon --system --fork 2>/dev/null; avahi-daemon -D --no-drop-root --no-chroot --no-rlimits 2>/dev/null
grep -q www.lab /etc/hosts || echo '10.0.2.3 www.lab mail.lab' >> /etc/hosts
