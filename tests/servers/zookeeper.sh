#!/bin/sh
# SPDX-License-Identifier: MIT
# Apache ZooKeeper: the keeper that ClickHouse needs for its KeeperMap.
. "$(dirname "$0")/parts/server.sh"
title='Apache ZooKeeper 3.9' needs='java mvn'

get() { get_jars zookeeper.xml "$1"; }
prepare() {
  echo "127.0.0.1:$1" >"$dir/address"
  cat >"$dir/zoo.cfg" <<C
tickTime=1000
dataDir=$dir/data
clientPort=$1
clientPortAddress=127.0.0.1
admin.enableServer=false
4lw.commands.whitelist=srvr
C
}
launch() {
  exec java -Xms32m -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$home/*" \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$dir/zoo.cfg"
}
ask() { printf srvr | said "$(port)" 10000 | grep '^Mode: '; }

server_main "$@"
