#!/bin/sh
# SPDX-License-Identifier: MIT
# An S3 server that ignores conditions, so that every one of those who race wins: a store must refuse it. The keys are
# S3RVER and S3RVER, and the bucket `must` exists.
. "$(dirname "$0")/parts/server.sh"
title='s3rver 3.7' needs='npm node'

get() { get_package "$1" s3rver@3.7.1; }
prepare() { echo "http://127.0.0.1:$1" >"$dir/address"; }
launch() {
  exec node "$home/node_modules/s3rver/bin/s3rver.js" -d "$dir/data" -a 127.0.0.1 -p "$(port)" --configure-bucket must
}
ask() { get_page "$(port)" /must | grep '<Name>must</Name>'; }

server_main "$@"
