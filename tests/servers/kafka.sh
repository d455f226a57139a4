#!/bin/sh
# SPDX-License-Identifier: MIT
# Apache Kafka: one broker that is its own controller. It needs Java 17.
. "$(dirname "$0")/parts/server.sh"
title='Apache Kafka 4.4' needs='java mvn' ports=2

get() { get_jars kafka.xml "$1"; }
java_small() { java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xms32m -Xmx320m -cp "$home/*" "$@"; }
prepare() {
  echo "127.0.0.1:$1" >"$dir/address"
  cat >"$dir/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$2
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=PLAINTEXT://127.0.0.1:$1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=500
log.initial.task.delay.ms=1000
P
  java_small kafka.tools.StorageTool format --standalone -t MUSTMUSTMUSTMUSTMUSTMQ -c "$dir/server.properties" \
    >"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; exit 1; }
}
launch() {
  exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xms32m -Xmx320m -XX:MaxMetaspaceSize=128m \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$home/*" kafka.Kafka "$dir/server.properties"
}
# ApiVersions, version 0, correlation id 7: the answer repeats the id and says that there was no error.
ask() {
  printf '\000\000\000\012\000\022\000\000\000\000\000\007\377\377' | said "$(port)" 10 | od -An -tx1 |
    grep '00 00 00 07 00 00'
}

server_main "$@"
