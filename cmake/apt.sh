# SPDX-License-Identifier: MIT
# Read by shell scripts: apt_install PACKAGE... installs packages of Debian or Ubuntu, or says why it cannot.

apt_install() {
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "apt-get is not here: install by other means what is called on Debian: $*" >&2
    return 1
  fi
  as_root=
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      echo "packages are installed by root, and sudo is not here: run as root: apt-get install $*" >&2
      return 1
    fi
    as_root=sudo
  fi
  # Scripts that run at the same time take turns, and wait for what else installs packages. The lists of packages are
  # fetched when those that are here do not serve.
  (
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    apt_get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" </dev/null 9>&-; }
    apt_get install -y --no-install-recommends "$@" >/dev/null 2>&1 ||
      { apt_get update && apt_get install -y --no-install-recommends "$@" >/dev/null; }
  ) 9</var/lib/dpkg
}
