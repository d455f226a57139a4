#!/bin/sh
# SPDX-License-Identifier: MIT
# Avro's own library of Python: `avro_python.sh try PROGRAM` has it judge the files of judges/avro_commit.cpp.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='Avro for Python' needs='python3'

get() { get_from_python "$1" 'avro==1.*'; }

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    PYTHONPATH="$home" exec python3 "$here/../judges/avro_commit.py" "$2" python
    ;;
  *) echo 'avro_python.sh fetch | avro_python.sh try PROGRAM' >&2; exit 2 ;;
esac
