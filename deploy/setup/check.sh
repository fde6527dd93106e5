#!/usr/bin/env bash
# Looks whether this machine can do what is about to be asked of it, before hours are spent:
#   check.sh room FOLDER GB [FOLDER GB]...   the folders may grow to so many GB (what they hold already counts)
#   check.sh sandbox                         builds can be isolated; says what to change when they cannot
set -euo pipefail
die() { echo "setup: $*" >&2; exit 1; }

room() {
  local folder there gb held filesystem names=""
  declare -A need=() free=()
  while [ $# -ge 2 ]; do
    folder=$1 gb=$2 there=$1
    shift 2
    while [ ! -d "$there" ]; do there=$(dirname "$there"); done
    held=$(du -sk "$folder" 2>/dev/null | cut -f1) || true
    filesystem=$(df -Pk "$there" | awk 'NR == 2 {print $6}')
    free[$filesystem]=$(df -Pk "$there" | awk 'NR == 2 {print $4}')
    gb=$((gb * 1024 * 1024 - ${held:-0}))
    need[$filesystem]=$((${need[$filesystem]:-0} + (gb > 0 ? gb : 0)))
    names+="${names:+ and }$folder"
  done
  for filesystem in "${!need[@]}"; do
    [ "${free[$filesystem]}" -ge "${need[$filesystem]}" ] ||
      die "$((free[$filesystem] / 1024)) MB are free on $filesystem; $((need[$filesystem] / 1024)) MB more are needed for $names. Another cache folder can be named with GOFARM_CACHE_DIR"
  done
}

# A user namespace with a mount in it, as the worker makes one: as root for an ordinary uid, else for oneself.
sandbox() {
  local said
  local as=(bwrap --unshare-user --unshare-pid --unshare-net --ro-bind / / --proc /proc true)
  if [ "$(id -u)" -eq 0 ]; then
    as=(setpriv --reuid 210000 --regid 210000 --clear-groups "${as[@]}")
  else
    said=$(unshare --user --map-root-user --mount true 2>&1) || refuse "$said"
  fi
  said=$("${as[@]}" 2>&1) || refuse "$said"
}

refuse() {
  echo "setup: builds cannot be isolated here: $1" >&2
  if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
    echo "setup: this system keeps user namespaces from ordinary programs. Until the next start they are allowed by: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" >&2
  elif [ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null)" = 0 ]; then
    echo "setup: allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1" >&2
  elif [ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null)" = 0 ]; then
    echo "setup: allow user namespaces: sudo sysctl -w user.max_user_namespaces=10000" >&2
  else
    echo "setup: in a container, allow it to make user namespaces and mounts (they are refused in a chroot, for one)" >&2
  fi
  exit 1
}

case ${1:-} in
  room) shift; room "$@" ;;
  sandbox) sandbox ;;
  *) die "check.sh: room or sandbox, not '${1:-}'" ;;
esac
