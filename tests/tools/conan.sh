#!/bin/sh
# SPDX-License-Identifier: MIT
# Conan 2: `conan.sh try CHECKOUT BUILD COMMAND...` packages `must` by the recipe of a checkout, with what the system has in
# place of what Conan's own server offers, leaves in BUILD what CMake finds it by, and runs the command.
. "$(dirname "$0")/../servers/parts/cache.sh"
title='Conan 2' needs='python3'

get() { get_from_python "$1" 'conan>=2'; }
conan() { PYTHONPATH="$home" python3 -c 'import sys; from conan.cli.cli import main; main(sys.argv[1:])' "$@"; }

case ${1:-} in
  fetch) fetch ;;
  try)
    skip_if_absent
    export CONAN_HOME="$3/home"
    rm -rf "$3"
    mkdir -p "$3"
    conan profile detect >/dev/null 2>&1
    for package in nlohmann_json/3.11.0 sqlite3/3.40.0 libpq/15.0; do
      conan create "$here/../consume/conan" --name "${package%/*}" --version "${package#*/}" --no-remote >/dev/null 2>&1
    done
    conan create "$2/cmake/conan" --no-remote -s compiler.cppstd=20
    version=$(conan inspect "$2/cmake/conan" | sed -n 's/^version: //p')
    conan install --requires "must/$version" --no-remote -s compiler.cppstd=20 -s build_type=Release --build missing \
      -o 'must/*:json=True' -o 'must/*:sqlite=True' -o 'must/*:postgres=True' -g CMakeDeps --output-folder "$3"
    shift 3
    "$@"
    ;;
  *) echo 'conan.sh fetch | conan.sh try CHECKOUT BUILD COMMAND...' >&2; exit 2 ;;
esac
