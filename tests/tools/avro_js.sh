#!/bin/sh
# SPDX-License-Identifier: MIT
# avsc, an Avro library of JavaScript: `avro_js.sh try PROGRAM` has it judge the files of judges/avro_commit.cpp.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='avsc' needs='node npm python3'

get() { get_package "$1" avsc@5; }

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    NODE_PATH="$home/node_modules" exec python3 "$here/../judges/avro_commit.py" "$2" js "$here/../judges/avro_commit.js"
    ;;
  *) echo 'avro_js.sh fetch | avro_js.sh try PROGRAM' >&2; exit 2 ;;
esac
