#!/bin/sh
# SPDX-License-Identifier: MIT
# An S3 server that checks signatures and keeps conditions: objects are files in DIR/data. The keys are AK and SK, the
# region is us-east-1, and the bucket `must` exists.
. "$(dirname "$0")/parts/server.sh"
title='versitygw 1.8' needs='go'

get() { GOBIN="$1" GOFLAGS='-p=2 -ldflags=-s' nice go install github.com/versity/versitygw/cmd/versitygw@v1.8.0; }
prepare() {
  mkdir -p "$dir/data/must"
  echo "http://127.0.0.1:$1" >"$dir/address"
}
launch() {
  export ROOT_ACCESS_KEY=AK ROOT_SECRET_KEY=SK
  exec "$home/versitygw" --quiet --keep-alive --region us-east-1 --port "127.0.0.1:$(port)" posix "$dir/data"
}
ask() { get_page "$(port)" /must/none | grep '<Code>AccessDenied</Code>'; }

server_main "$@"
