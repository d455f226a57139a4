#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds and runs must on a Debian or Ubuntu machine; says what is missing and installs that first.
#
#   cmake/setup.sh demo       the quickstart
#   cmake/setup.sh test       everything that runs, and its tests; with clang, which takes half of GCC's time, or with $CXX
#   cmake/setup.sh servers    fetches the servers of tests/servers and the tools of tests/tools into a cache, each once
#   cmake/setup.sh ci         installs what .ci/run needs, and runs nothing
#   cmake/setup.sh coverage   every test, and the lines of include/ that none of them runs
set -eu

mode=${1:-}
case $mode in
  demo | test | servers | ci | coverage) ;;
  *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
. cmake/apt.sh

# Each comes by a process of its own: one that cannot be had says why, and keeps no other.
if [ "$mode" = servers ]; then
  for script in tests/servers/*.sh tests/tools/*.sh; do
    timeout 1800 "$script" fetch || echo "$script: what it fetches did not come within half an hour." &
  done
  wait
  exit 0
fi

missing=
need() { # need <package> <command that succeeds when it is there>...
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
header() { # whether one of these headers can be included
  for name in "$@"; do
    echo "#include <$name>" | "${CXX:-c++}" -std=c++20 -E -x c++ - >/dev/null 2>&1 && return
  done
  return 1
}

compiler=g++
if [ "$mode" = test ] && [ -z "${CXX:-}" ]; then
  compiler=clang
  export CXX=clang++
fi
need "$compiler" command -v "${CXX:-c++}"
need cmake command -v cmake
need ninja-build command -v ninja
need make command -v make
need git command -v git
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
need nlohmann-json3-dev header nlohmann/json.hpp
if [ "$mode" != demo ]; then
  need libsqlite3-dev header sqlite3.h
  need zlib1g-dev header zlib.h
  need libcurl4-openssl-dev header curl/curl.h
  need libpq-dev header postgresql/libpq-fe.h libpq-fe.h
  need postgresql sh -c 'command -v pg_ctl || ls /usr/lib/postgresql/*/bin/pg_ctl'
  need pgbouncer sh -c 'command -v pgbouncer || ls /usr/sbin/pgbouncer'
  need openssl command -v openssl
  need pkg-config command -v pkg-config
  need catch2 header catch2/catch.hpp catch2/catch_all.hpp
fi
if [ "$mode" = ci ]; then
  need g++ command -v g++
  need ccache command -v ccache
  need libbenchmark-dev header benchmark/benchmark.h
  need doxygen command -v doxygen
  need clang command -v clang++
  need clang-14 command -v clang++-14
  need clang-19 command -v clang++-19
  need clang-format-19 command -v clang-format-19
  need clang-tidy-19 command -v clang-tidy-19
  need libc++-19-dev sh -c 'echo "#include <version>" | clang++-19 -stdlib=libc++ -E -x c++ -'
  need libclang-rt-19-dev sh -c 'ls "$(clang++-19 -print-resource-dir)"/lib/*/libclang_rt.tsan*.a'
fi

if [ "$mode" = coverage ]; then
  need clang-19 command -v clang++-19
  need llvm-19 command -v llvm-cov-19
  need libclang-rt-19-dev sh -c 'ls "$(clang++-19 -print-resource-dir)"/lib/*/libclang_rt.profile*.a'
fi

if [ -n "$missing" ]; then
  echo "missing, installed now by apt-get:$missing"
  # shellcheck disable=SC2086
  apt_install $missing
else
  echo "nothing is missing"
fi

version=$(cmake --version | sed -n 's/^cmake version //p')
if [ "$(printf '%s\n' 3.25 "$version" | sort -V | head -n 1)" != 3.25 ]; then
  echo "must needs CMake 3.25 or later; this is $version: https://cmake.org/download" >&2
  exit 1
fi

if [ "$mode" != ci ]; then
  # What is named here fails where it would be skipped: it has just been installed.
  export MUST_EXPECTED="postgresql pgbouncer openssl ${MUST_EXPECTED:-}"
  exec cmake --workflow --preset "$mode"
fi
