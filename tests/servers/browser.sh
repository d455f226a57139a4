#!/bin/sh
# SPDX-License-Identifier: MIT
# Chromium without a window. `browser.sh open URL FILE SECONDS` shows it a page until FILE exists, which the server of that
# page writes when it has seen what it waits for, and fails if it does not come in time.
. "$(dirname "$0")/parts/server.sh"
title='Chromium'

is_there() { command -v chromium >/dev/null 2>&1; }
get() { get_from_system chromium; }
quiet='--headless --no-sandbox --disable-gpu --no-first-run --disable-extensions --disable-background-networking
  --disable-dev-shm-usage'

if [ "${1:-}" = open ]; then
  dir=$(mktemp -d)
  # shellcheck disable=SC2086
  setsid chromium $quiet "--user-data-dir=$dir" "$2" >"$dir/log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  trap 'kill_all; rm -rf "$dir"' EXIT
  waited=0
  until [ -e "$3" ]; do
    waited=$((waited + 1))
    if [ $waited -gt $(($4 * 10)) ] || ! is_alive; then
      tail -n 5 "$dir/log" >&2
      exit 1
    fi
    sleep 0.1
  done
  exit 0
fi

# It is no server: what it is tried by is a page that counts.
try_it() {
  skip_if_absent
  dir=$(mktemp -d)
  trap 'rm -rf "$dir"' EXIT
  # shellcheck disable=SC2086
  timeout 60 chromium $quiet "--user-data-dir=$dir" --dump-dom \
    'data:text/html,<script>document.write("counted " + 6 * 7)</script>' 2>/dev/null | grep -o 'counted 42'
}

server_main "$@"
