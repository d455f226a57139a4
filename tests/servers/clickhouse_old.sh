#!/bin/sh
# SPDX-License-Identifier: MIT
# The oldest ClickHouse that is supported: the server of Debian 12. DIR/address is that of HTTP.
. "$(dirname "$0")/parts/server.sh"
title='ClickHouse 18.16' ports=3
server=/usr/sbin/clickhouse-server

is_there() { [ -x $server ]; }
get() { get_from_system clickhouse-server; }
prepare() {
  echo "127.0.0.1:$1" >"$dir/address"
  mkdir -p "$dir/data" "$dir/tmp" "$dir/user_files"
  cat >"$dir/config.xml" <<C
<yandex>
  <logger><level>warning</level><log>$dir/log</log><errorlog>$dir/log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>$1</http_port><tcp_port>$2</tcp_port><interserver_http_port>$3</interserver_http_port>
  <path>$dir/data/</path><tmp_path>$dir/tmp/</tmp_path><user_files_path>$dir/user_files/</user_files_path>
  <users_config>$dir/users.xml</users_config><default_profile>default</default_profile>
  <default_database>default</default_database><timezone>UTC</timezone><mark_cache_size>268435456</mark_cache_size>
</yandex>
C
  cat >"$dir/users.xml" <<C
<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
  <users><default>
    <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
  </default></users>
  <quotas><default/></quotas>
</yandex>
C
}
launch() { exec $server "--config-file=$dir/config.xml"; }
ask() { get_page "$(port)" '/?query=SELECT%2040%2B2' | grep '^42'; }

server_main "$@"
