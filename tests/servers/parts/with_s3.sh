#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a program beside a server of S3: `with_s3.sh PROGRAM ARGUMENT...`; the address of a bucket is added to the last.
set -eu
server=$(cd "$(dirname "$0")/.." && pwd)/s3.sh
cache=${MUST_SERVERS:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/must/servers}
if [ ! -d "$cache/s3" ]; then
  echo "skipped: the server s3 has not been fetched: cmake/setup.sh servers does that."
  case " ${MUST_EXPECTED:-} " in *" servers "* | *" s3 "*) exit 1 ;; esac
  exit 0
fi
dir=$(mktemp -d)
trap '"$server" kill "$dir"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
address=$("$server" start "$dir")
export AWS_ACCESS_KEY_ID=AK AWS_SECRET_ACCESS_KEY=SK
count=$#
for argument; do
  shift
  count=$((count - 1))
  if [ $count = 0 ]; then argument=$argument$address/must/bank; fi
  set -- "$@" "$argument"
done
"$@"
