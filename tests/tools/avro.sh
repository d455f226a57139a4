#!/bin/sh
# SPDX-License-Identifier: MIT
# fastavro, a library of Python that reads and writes Avro: `avro.sh try PROGRAM` has it judge what the program of
# judges/avro.cpp writes and reads, and `avro.sh try_commit PROGRAM` the files of judges/avro_commit.cpp.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='fastavro' needs='python3'

get() { get_from_python "$1" 'fastavro==1.*'; }

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    PYTHONPATH="$home" python3 "$here/../judges/avro.py" "$2"
    ;;
  try_commit)
    skip_if_absent
    PYTHONPATH="$home" python3 "$here/../judges/avro_commit.py" "$2" fastavro
    ;;
  *) echo 'avro.sh fetch | avro.sh try PROGRAM | avro.sh try_commit PROGRAM' >&2; exit 2 ;;
esac
