#!/bin/sh
# Finds the real servers that the tests need, and installs what is missing where it may (Debian or Ubuntu, as root).
# Elsewhere it says in one sentence each what is missing, and the tests that need it say so too. Quick when all is there.
# usage: sh scripts/setup.sh [bench]     `bench` adds the yardsticks of bench/load
set -u

PATH=$PATH:/usr/sbin:/sbin
export PATH

# program:package:what it is for
needs='redis-server:redis-server:the limiter across hosts
promtool:prometheus:the check of the metrics text
wrk:wrk:load
nginx:nginx-light:a real origin and a yardstick'
if [ "${1:-}" = bench ]; then
  needs="$needs
go:golang-go:the Go yardstick of bench/load
haproxy:haproxy:the HAProxy yardstick of bench/load"
elif [ $# -gt 0 ]; then
  echo "setup: usage: sh scripts/setup.sh [bench]" >&2
  exit 2
fi

# missing: the lines of $needs whose program is not on the PATH
missing() {
  echo "$needs" | while IFS=: read -r program package purpose; do
    command -v "$program" >/dev/null 2>&1 || echo "$program:$package:$purpose"
  done
}

lacking=$(missing)
[ -z "$lacking" ] && exit 0

# install PACKAGE...: without starting a service (invoke-rc.d and systemd's helper both ask policy-rc.d; 101 = forbidden)
install() {
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || return 1
  fi
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  # A mirror that does not answer must not hold up the tests that need nothing from it.
  options='-q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 -o Acquire::http::Timeout=20'
  # shellcheck disable=SC2086
  apt-get $options update
  # shellcheck disable=SC2086
  apt-get $options install -y --no-install-recommends "$@"
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  packages=$(echo "$lacking" | cut -d: -f2 | tr '\n' ' ')
  echo "setup: installing $packages" >&2
  # shellcheck disable=SC2086
  install $packages >&2 || echo "setup: the installation failed; see above." >&2
  lacking=$(missing)
fi

[ -z "$lacking" ] && exit 0
echo "$lacking" | while IFS=: read -r program package purpose; do
  echo "setup: $program is missing ($purpose); install the package $package." >&2
done
exit 0
