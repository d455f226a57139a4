#!/bin/sh
# SPDX-License-Identifier: MIT
# fastavro, a library of Python that reads and writes Avro: `avro.sh try PROGRAM` has it judge what the program of
# judges/avro.cpp writes and reads.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='fastavro' needs='python3'

get() { get_from_python "$1" 'fastavro==1.*'; }

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    PYTHONPATH="$home" python3 "$here/../judges/avro.py" "$2"
    ;;
  *) echo 'avro.sh fetch | avro.sh try PROGRAM' >&2; exit 2 ;;
esac
