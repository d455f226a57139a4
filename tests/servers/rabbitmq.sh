#!/bin/sh
# SPDX-License-Identifier: MIT
# RabbitMQ, user guest, password guest. DIR/address is that of AMQP 0.9.1, DIR/stream that of streams.
. "$(dirname "$0")/parts/server.sh"
title='RabbitMQ' ports=4
programs=/usr/lib/rabbitmq/bin

is_there() { [ -x $programs/rabbitmq-server ]; }
get() { get_from_system rabbitmq-server; }
# All that the broker and its Erlang go by: nothing of what the system has installed is read or written.
environment() {
  node=$(port)
  export HOME="$dir" RABBITMQ_NODENAME="must$node@localhost" RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf"
  export RABBITMQ_MNESIA_BASE="$dir/data" RABBITMQ_LOG_BASE="$dir/logs" RABBITMQ_CONF_ENV_FILE="$dir/none"
  export RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_PID_FILE="$dir/broker"
  ERL_EPMD_PORT=$(port epmd) RABBITMQ_DIST_PORT=$(port distribution)
  export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT RABBITMQ_DIST_PORT LANG=C.UTF-8
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}'
}
prepare() {
  echo "127.0.0.1:$1" >"$dir/address"
  echo "127.0.0.1:$2" >"$dir/stream"
  echo "127.0.0.1:$3" >"$dir/epmd"
  echo "127.0.0.1:$4" >"$dir/distribution"
  mkdir -p "$dir/data" "$dir/logs"
  echo '[rabbitmq_stream].' >"$dir/enabled_plugins"
  cat >"$dir/rabbitmq.conf" <<C
listeners.tcp.1 = 127.0.0.1:$1
stream.listeners.tcp.1 = 127.0.0.1:$2
log.file.level = warning
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
C
}
launch() {
  environment
  rm -f "$RABBITMQ_PID_FILE"
  exec $programs/rabbitmq-server
}
finish() { kill -TERM "$(cat "$dir/broker")"; }
# The daemon in which Erlang keeps the names of nodes lives in a session of its own.
clean_up() {
  environment
  epmd -port "$ERL_EPMD_PORT" -kill >/dev/null 2>&1 || true
}
# The greeting of AMQP 0.9.1: the broker begins with a method of class 10 on channel 0.
ask() {
  printf 'AMQP\000\000\011\001' | said "$(port)" 11 | od -An -tx1 -N11 | grep '^ 01 00 00 .. .. .. .. 00 0a 00 0a'
}

server_main "$@"
