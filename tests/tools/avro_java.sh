#!/bin/sh
# SPDX-License-Identifier: MIT
# avro-tools, Avro's own programs in Java: `avro_java.sh try PROGRAM` has them judge the files of judges/avro_commit.cpp.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='avro-tools' needs='java mvn python3'

get() {
  mvn -q -B -f "$here/parts/avro_java.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$1"
}

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    exec python3 "$here/../judges/avro_commit.py" "$2" java "$home"/avro-tools-*.jar
    ;;
  *) echo 'avro_java.sh fetch | avro_java.sh try PROGRAM' >&2; exit 2 ;;
esac
