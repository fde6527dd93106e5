#!/usr/bin/env bash
# Installs the distribution packages that gofarm needs: setup.sh [build] [run] [test] [bench] [static]. Says what it will install before it
# does, installs only what is missing, and may be run again at any time. Needs root or sudo only when something is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
wanted=("${@:-build}")

die() { echo "setup: $*" >&2; exit 1; }
[ -r /etc/os-release ] || die "no /etc/os-release: this script knows Debian 12 and 13 and Ubuntu 24.04"
# shellcheck disable=SC1091
. /etc/os-release
case "${ID:-} ${ID_LIKE:-}" in *debian* | *ubuntu*) ;; *) die "${PRETTY_NAME:-this system} is not known; supported: Debian 12 and 13, Ubuntu 24.04. Install what deploy/setup/packages-debian.txt lists by hand" ;; esac

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
known() { apt-cache show "$1" >/dev/null 2>&1; }

lists_are_there() { [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)" ]; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else command -v sudo >/dev/null || die "'$*' needs root: run this as root or install sudo"; sudo "$@"; fi; }

section="" rows=()
while IFS= read -r line; do
  case $line in
    "# ["*) section=${line#"# ["}; section=${section%]} ;;
    "#"* | "") ;;
    *) for w in "${wanted[@]}"; do [ "$w" != "$section" ] || rows+=("$line"); done ;;
  esac
done <"$here/packages-debian.txt"

missing=() optional=()
for row in "${rows[@]}"; do
  case $row in *"?") installed "${row%"?"}" || optional+=("${row%"?"}"); continue ;; esac
  IFS='|' read -r -a names <<<"$row"
  found=""
  for n in "${names[@]}"; do installed "$n" && found=yes && break; done
  [ -n "$found" ] || missing+=("$row")
done
if [ ${#missing[@]} -eq 0 ] || lists_are_there; then
  for row in "${optional[@]}"; do ! known "$row" || missing+=("$row"); done
  optional=()
fi
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all packages for ${wanted[*]} are installed"
  exit 0
fi

lists_are_there || { echo "setup: reading the package lists"; as_root apt-get -q update; }
pick() { local n; IFS='|' read -r -a names <<<"$1"; for n in "${names[@]}"; do known "$n" && { echo "$n"; return 0; }; done; return 1; }
packages=()
for row in "${optional[@]}"; do ! known "$row" || packages+=("$row"); done
for row in "${missing[@]}"; do
  p=$(pick "$row") || { as_root apt-get -q update; p=$(pick "$row") || die "no package ${row//|/ or } in the package lists of ${PRETTY_NAME:-this system}"; }
  packages+=("$p")
done

echo "setup: will install ${#packages[@]} packages and what they need: ${packages[*]}"
apt-get -s -o Debug::NoLocking=1 install --no-install-recommends "${packages[@]}" 2>/dev/null | grep -E '^[0-9]+ upgraded' || true
# A database server package would start a cluster of its own; gofarm makes private ones.
if printf '%s\n' "${packages[@]}" | grep -q '^postgresql' && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  as_root mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
# Other servers would start on all addresses, now and at each boot; the tests start their own. Whatever policy the machine has
# comes back afterwards.
servers=()
for s in docker-registry nginx prometheus prometheus-alertmanager; do ! printf '%s\n' "${packages[@]}" | grep -qx "$s" || servers+=("$s"); done
policy=/usr/sbin/policy-rc.d mark="# of gofarm's deploy/setup/setup.sh, while it installs"
give_back_policy() {
  if [ -e "$policy.before-gofarm" ]; then as_root mv -f "$policy.before-gofarm" "$policy"; else as_root rm -f "$policy"; fi
}
if [ ${#servers[@]} -gt 0 ]; then
  # Ours is there when a run before was killed.
  if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then as_root mv -f "$policy" "$policy.before-gofarm"; fi
  trap give_back_policy EXIT
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
fi
install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "${packages[@]}"; }
install || { echo "setup: trying once more with fresh package lists"; as_root apt-get -q update; install; } || die "apt-get install failed; what it had done is kept, so run this again"
if [ -d /run/systemd/system ]; then
  for s in "${servers[@]}"; do as_root systemctl -q disable "$s"; done
fi
echo "setup: packages for ${wanted[*]} are installed"
