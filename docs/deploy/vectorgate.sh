#!/bin/sh
# /usr/local/bin/vectorgate: the command as the unit runs it, with the unit's settings and as a user without rights. For root.
exec systemd-run --quiet --collect --pty --pipe \
    --property=EnvironmentFile=/etc/vectorgate/environment --property=DynamicUser=yes \
    /opt/vectorgate/bin/vectorgate "$@"
