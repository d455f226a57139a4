#!/bin/sh
# SPDX-License-Identifier: MIT
# A current ClickHouse: the whole engine, from a library that can listen. DIR/address is that of HTTP, DIR/tcp that of its
# own protocol. With KEEPER=HOST:PORT in the environment of `start` it has KeeperMap, by the ZooKeeper there.
. "$(dirname "$0")/parts/server.sh"
title='ClickHouse 26.7' needs='npm cc' ports=2

get() {
  get_package "$1" @chdb/lib-linux-x64-gnu@26.7.3-stable.1
  mv "$1/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so" "$1/libchdb.so"
  rm -rf "$1/node_modules"
  cc -O1 -o "$1/clickhouse" "$here/parts/clickhouse.c" -ldl -lpthread
}
prepare() {
  echo "127.0.0.1:$1" >"$dir/address"
  echo "127.0.0.1:$2" >"$dir/tcp"
  {
    echo '<clickhouse>'
    if [ -n "${KEEPER:-}" ]; then
      cat <<C
<zookeeper><node><host>${KEEPER%:*}</host><port>${KEEPER#*:}</port></node></zookeeper>
<keeper_map_path_prefix>/keeper_map</keeper_map_path_prefix>
C
    fi
    echo '</clickhouse>'
  } >"$dir/config.xml"
}
launch() {
  exec "$home/clickhouse" "$home/libchdb.so" "--path=$dir/data" "--config-file=$dir/config.xml" \
    --listen_host=127.0.0.1 "--http_port=$(port)" "--tcp_port=$(port tcp)"
}
ask() { get_page "$(port)" '/?query=SELECT%2040%2B2' | grep '^42'; }

server_main "$@"
