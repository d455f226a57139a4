# SPDX-License-Identifier: MIT
# Read by scripts that fetch what some tests need into a cache outside of every build, each once. A script defines
#
#   title, needs   what it is, and the programs that it needs
#   is_there       whether it is there; here: whether the cache has it
#   get DIR        puts it into an empty folder of the cache
#
# The cache is $MUST_SERVERS, else $XDG_CACHE_HOME/must/servers, else ~/.cache/must/servers. A test of what $MUST_EXPECTED
# names, by itself or as one of `servers`, fails where it would be skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$0" .sh)
cache=${MUST_SERVERS:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/must/servers}
home=$cache/$name
title=$name needs=''
is_there() { [ -d "$home" ]; }

# get_package <folder> <package>: a package of npm, and what it needs.
get_package() { npm install --silent --no-audit --no-fund --no-save --prefix "$1" "$2"; }

# get_from_python <folder> <package>: a package of Python, and what it needs, for `PYTHONPATH=<folder> python3`.
get_from_python() { python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$@"; }

# get_from_system <package>...: packages of the system. The folder in the cache stays empty, so that is_there has to look
# for a program.
get_from_system() {
  . "$here/../../cmake/apt.sh"
  apt_install "$@"
}

# The first program that it needs and that is not here.
lacking() {
  for program in $needs; do
    if ! command -v "$program" >/dev/null 2>&1; then
      echo "$program"
      return
    fi
  done
}

# Why it is not there, in a sentence.
why_not() {
  program=$(lacking)
  if [ -n "$program" ]; then
    echo "$title needs $program, which is not here."
  elif [ -s "$cache/$name.failed" ]; then
    echo "$title could not be fetched: $(tail -n 1 "$cache/$name.failed" | cut -c 1-300)"
  else
    echo "$title has not been fetched: cmake/setup.sh servers does that."
  fi
}

fetch() {
  mkdir -p "$cache"
  if [ -n "$(lacking)" ]; then
    rm -f "$cache/$name.failed"
    echo "$name: $(why_not)"
  elif is_there; then
    echo "$name: $title is there."
  else
    new=$cache/$name.$$
    trap 'rm -rf "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$new"
    set +e  # a condition would keep the subshell from stopping at what fails
    (set -e; get "$new") >"$cache/$name.failed" 2>&1
    failed=$?
    set -e
    if [ $failed = 0 ]; then
      rm -f "$cache/$name.failed"
      [ -d "$home" ] || mv "$new" "$home"
      echo "$name: $title is fetched."
    else
      echo "$name: $(why_not)"
    fi
  fi
}

# Ends the test with the reason when what it tests is not there.
skip_if_absent() {
  if [ -n "$(lacking)" ] || ! is_there; then
    echo "skipped: $(why_not)"
    case " ${MUST_EXPECTED:-} " in *" servers "* | *" $name "*) exit 1 ;; esac
    exit 77
  fi
}
