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
# NAME.sh defines what cache.sh says, and
#
#   ports                 on how many ports it listens
#   prepare PORT...       writes what it is configured by into $dir, and its address into $dir/address
#   launch                becomes the server; its folder is $dir, what was fetched is in $home
#   ask                   succeeds when the server answers
#   finish PID, clean_up  how it is told to stop, here by SIGTERM; what is left to do when it is gone
. "$(dirname "$0")/parts/cache.sh"

ports=1
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

try_it() {
  skip_if_absent
  dir=$(mktemp -d)
  trap 'if [ -s "$dir/pid" ]; then stop; fi; rm -rf "$dir"' EXIT
  trap 'exit 1' HUP INT TERM
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
  needs="perl setsid $needs"
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
