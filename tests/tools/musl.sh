#!/bin/sh
# SPDX-License-Identifier: MIT
# A compiler for musl with libc++, and SQLite built by it: `musl.sh try CHECKOUT PROGRAM` compiles consume/plain without
# RTTI, links it statically into PROGRAM, and runs it.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='A compiler for musl' needs='python3 go'
export ZIG_GLOBAL_CACHE_DIR="$cache/zig"
target="$(uname -m)-linux-musl"

get() {
  get_from_python "$1" 'ziglang==0.17.*'
  from=$(go mod download -json github.com/mattn/go-sqlite3@v1.14.32 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  cp "$from/sqlite3-binding.h" "$1/sqlite3.h"
  "$1/ziglang/zig" cc -target "$target" -O1 -c "$from/sqlite3-binding.c" -o "$1/sqlite3.o"
  # The first program makes the C++ library, which takes longer than all else.
  echo 'int main() { return 0; }' | "$1/ziglang/zig" c++ -target "$target" -x c++ - -o "$1/first"
}

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    mkdir -p "$(dirname "$3")"
    "$home/ziglang/zig" c++ -target "$target" -std=c++20 -fno-rtti -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
      "-I$2/include" -isystem "$home" "$2/tests/consume/plain/main.cpp" "$home/sqlite3.o" -o "$3"
    "$3"
    ;;
  *) echo 'musl.sh fetch | musl.sh try CHECKOUT PROGRAM' >&2; exit 2 ;;
esac
