# SPDX-License-Identifier: MIT
# Read by tests/servers/NAME.sh, which says what one server needs and how it runs. Each is used the same way:
#
#   tests/servers/NAME.sh fetch       into the cache, once; one sentence says what came of it
#   tests/servers/NAME.sh start DIR   on loopback and free ports; prints the address, which DIR/address keeps
#   tests/servers/NAME.sh stop DIR    in order
#   tests/servers/NAME.sh kill DIR    as a crash would
#   tests/servers/NAME.sh again DIR   on the same data and ports, after stop or kill
#   tests/servers/NAME.sh try         starts it, asks it something, stops it; 77 and a sentence if it is not there
#
# The cache is $MUST_SERVERS, else $XDG_CACHE_HOME/must/servers, else ~/.cache/must/servers. NAME.sh defines
#
#   title, needs, ports   what it is, the programs it needs, and how many ports it listens on
#   is_there              whether it can be started; here: whether the cache has it
#   get DIR               puts it into an empty folder of the cache
#   prepare PORT...       writes what it is configured by into $dir, and its address into $dir/address
#   launch                becomes the server; its folder is $dir, what was fetched is in $home
#   ask                   succeeds when the server answers
#   finish PID, clean_up  how it is told to stop, here by SIGTERM; what is left to do when it is gone
#
# A test of a server that $MUST_EXPECTED names, by itself or as one of `servers`, fails where it would be skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$0" .sh)
cache=${MUST_SERVERS:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/must/servers}
home=$cache/$name
title=$name needs='' ports=1
is_there() { [ -d "$home" ]; }
launch() { false; }
finish() { kill -TERM "$1"; }
clean_up() { :; }

# The port of what stands in $dir/<file>, here the address.
port() { sed 's/.*://' "$dir/${1:-address}"; }

# Prints $1 free ports of loopback, held together while they are chosen.
free_ports() {
  perl -MIO::Socket::INET -e 'my @held = map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:0") or die $! }
    1 .. $ARGV[0]; print join(" ", map { $_->sockport } @held), "\n"' "$1"
}

# said <port> <bytes>: sends what it reads, and prints what comes back until so many bytes are there, or the end.
said() {
  perl -MIO::Socket::INET -e 'alarm 10; my $to = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") or exit 1;
    local $/; binmode STDIN; syswrite $to, scalar <STDIN>; my $got = "";
    1 while length $got < $ARGV[1] && sysread $to, $got, 65536, length $got; print $got' "$@"
}

# get_page <port> <path>: the answer to a request of HTTP.
get_page() { printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" | said "$1" 1000000; }

# get_jars <file> <folder>: what a project of Maven depends on.
get_jars() { mvn -q -B -f "$here/parts/$1" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$2"; }

# get_package <folder> <package>: a package of npm, and what it needs.
get_package() { npm install --silent --no-audit --no-fund --no-save --prefix "$1" "$2"; }

# A package of the system, installed beside the others; the folder in the cache says no more than that.
get_from_system() {
  . "$here/../../cmake/apt.sh"
  apt_install "$@"
}

# The first program that the server needs and that is not here.
lacking() {
  for program in perl setsid $needs; do
    if ! command -v "$program" >/dev/null 2>&1; then
      echo "$program"
      return
    fi
  done
}

# Why the server is not there, in a sentence.
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

# Whether the server runs; one that has ended and that nobody has waited for does not.
is_alive() {
  case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$(cat "$dir/pid")/status" 2>/dev/null) in '' | Z*) return 1 ;; esac
}

# Starts the server in a session of its own, and waits until it answers.
run() {
  : >>"$dir/log"
  setsid "$here/$name.sh" launch "$dir" >>"$dir/log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  waited=0
  until ask >/dev/null 2>&1; do
    waited=$((waited + 1))
    if [ $waited -gt 1200 ] || ! is_alive; then
      echo "$title does not start:" >&2
      tail -n 20 "$dir/log" >&2
      kill_all
      exit 1
    fi
    sleep 0.1
  done
}

kill_all() {
  kill -KILL "-$(cat "$dir/pid")" 2>/dev/null || true
  clean_up
}

# Asks the server to stop; one that has not done so after 30 seconds is killed.
stop() {
  finish "$(cat "$dir/pid")" 2>/dev/null || true
  waited=0
  while is_alive && [ $waited -lt 300 ]; do
    waited=$((waited + 1))
    sleep 0.1
  done
  kill_all
}

skip_if_absent() {
  if [ -n "$(lacking)" ] || ! is_there; then
    echo "skipped: $(why_not)"
    case " ${MUST_EXPECTED:-} " in *" servers "* | *" $name "*) exit 1 ;; esac
    exit 77
  fi
}

try_it() {
  skip_if_absent
  dir=$(mktemp -d)
  trap 'if [ -s "$dir/pid" ]; then stop; fi; rm -rf "$dir"' EXIT
  "$here/$name.sh" start "$dir"
  ask
  "$here/$name.sh" kill "$dir"
  "$here/$name.sh" again "$dir"
  ask
  "$here/$name.sh" stop "$dir"
  if is_alive; then
    echo "$title does not stop" >&2
    exit 1
  fi
  echo "$title starts, answers, comes back after a crash, and stops."
}

server_main() {
  action=${1:-}
  case $action in
    fetch) fetch ;;
    try) try_it ;;
    start | stop | kill | again | launch)
      [ $# -ge 2 ] || { echo "$name.sh $action DIR" >&2; exit 2; }
      mkdir -p "$2"
      dir=$(cd "$2" && pwd)
      case $action in
        start)
          # shellcheck disable=SC2046
          prepare $(free_ports "$ports")
          run
          cat "$dir/address"
          ;;
        again) run ;;
        stop) stop ;;
        kill) kill_all ;;
        launch) launch ;;
      esac
      ;;
    *) sed -n 's/^#   tests/  tests/p' "$here/parts/server.sh" >&2; exit 2 ;;
  esac
}
