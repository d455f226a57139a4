#!/bin/sh
# SPDX-License-Identifier: MIT
# CMake 4: `cmake4.sh try FOLDER BUILD OPTION...` configures a project with it, and fails when it warns of anything.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='CMake 4' needs='python3'

get() { get_from_python "$1" 'cmake>=4.3'; }

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    shift
    source=$1 build=$2
    shift 2
    "$home/cmake/data/bin/cmake" --fresh -S "$source" -B "$build" "$@" >"$said" 2>&1 || { cat "$said"; exit 1; }
    cat "$said"
    if grep -i 'warning\|deprecat' "$said"; then
      exit 1
    fi
    ;;
  *) echo 'cmake4.sh fetch | cmake4.sh try FOLDER BUILD OPTION...' >&2; exit 2 ;;
esac
