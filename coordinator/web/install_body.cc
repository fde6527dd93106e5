#include "coordinator/web/install_body.h"

namespace gofarm::web {

// No `local`, which POSIX does not know: names are used once. The function's body is a subshell, so nothing of it stays
// with the caller, and `exit` ends it only. Everything is made in a folder beside the target, which nobody else can
// have made (mkdir), and gets to its place by a rename.
const std::string_view kInstallBody = R"sh(
  set -u
  LC_ALL=C
  export LC_ALL
  say() { printf '%s\n' "$1"; }
  fail() {
    printf 'gofarm: %s\n' "$1" >&2
    exit 1
  }
  have() { command -v "$1" >/dev/null 2>&1; }
  quoted() {
    case $1 in
      *[!A-Za-z0-9_./+-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
      *) printf '%s' "$1" ;;
    esac
  }

  # What this needs, before anything is touched.
  [ "$(uname -s 2>/dev/null)" = Linux ] || fail "$name is built for Linux, and this is another system"
  [ -n "$target" ] || fail "there is nothing for a machine of the kind '$machine' (uname -m); $name is there for: $targets"
  [ -n "$url" ] || fail "$name $version was not built for $target; it is there for: $targets"
  if have curl; then
    fetcher=curl
  elif have wget; then
    fetcher=wget
  else
    fail 'neither curl nor wget is here to download with; install one of them'
  fi
  if have sha256sum; then
    hasher=sha256sum
  elif have shasum; then
    hasher=shasum
  elif have openssl; then
    hasher=openssl
  else
    fail 'none of sha256sum, shasum and openssl is here to check the SHA-256 digest with; install one of them'
  fi
  if [ -n "${GOFARM_BIN:-}" ]; then
    bin=$GOFARM_BIN
  elif [ -n "${HOME:-}" ]; then
    bin=$HOME/.local/bin
  else
    fail 'HOME is not set; say with GOFARM_BIN into which folder to install'
  fi
  case $bin in
    /*) ;;
    *) bin=$(pwd)/$bin ;;
  esac
  while [ "$bin" != / ] && [ "${bin%/}" != "$bin" ]; do bin=${bin%/}; done
  to=${bin%/}/$name
  notes=${bin%/}/.gofarm
  note=$notes/$name

  # curl and wget look for these in lower case only.
  if [ -z "${http_proxy:-}" ] && [ -n "${HTTP_PROXY:-}" ]; then http_proxy=$HTTP_PROXY; export http_proxy; fi
  if [ -z "${https_proxy:-}" ] && [ -n "${HTTPS_PROXY:-}" ]; then https_proxy=$HTTPS_PROXY; export https_proxy; fi
  if [ -z "${all_proxy:-}" ] && [ -n "${ALL_PROXY:-}" ]; then all_proxy=$ALL_PROXY; export all_proxy; fi
  if [ -z "${no_proxy:-}" ] && [ -n "${NO_PROXY:-}" ]; then no_proxy=$NO_PROXY; export no_proxy; fi

  digest_of() {
    case $hasher in
      sha256sum) sum=$(sha256sum <"$1") ;;
      shasum) sum=$(shasum -a 256 <"$1") ;;
      *) sum=$(openssl dgst -sha256 -r <"$1") ;;
    esac || return 1
    printf '%s' "${sum%% *}"
  }
  # URL FILE BYTES
  fetch() {
    if [ "$fetcher" = curl ]; then
      case $1 in
        https:*) protocols='=https' ;;
        *) protocols='=http,https' ;;
      esac
      curl -fsSLg --proto "$protocols" --connect-timeout 30 --speed-limit 1 --speed-time 60 --retry 2 \
        --max-filesize "$3" -o "$2" "$1"
    else
      wget -q -T 60 -O "$2" "$1"
    fi || fail "cannot download $1 ($fetcher: exit code $?)"
  }

  # A file is ours when its digest stands in its note.
  old=''
  if [ -e "$to" ] || [ -L "$to" ]; then
    [ ! -d "$to" ] || fail "$to is a folder; nothing was changed"
    if [ -f "$to" ] && [ -r "$to" ]; then old=$(digest_of "$to") || old=; fi
    if [ "$old" = "$sha256" ] && [ -x "$to" ]; then
      say "$(quoted "$to") is $name $version ($target) already"
      exit 0
    fi
    ours=no
    if [ -n "$old" ] && [ -f "$note" ]; then
      while read -r field value; do
        case $field in
          sha256 | before) if [ "$value" = "$old" ]; then ours=yes; fi ;;
        esac
      done <"$note"
    fi
    if [ "$ours" = no ] && [ "${GOFARM_FORCE:-}" != 1 ]; then
      fail "$to is there already and was not installed by this script, or was changed since; nothing was changed. \
To replace it pipe into: GOFARM_FORCE=1 sh"
    fi
  fi

  # From here on something is written; whatever happens, clean takes it away again.
  temporary='' first_made='' notes_made='' noted='' placed=''
  clean() {
    if [ -n "$noted" ] && [ -e "$temporary/program" ]; then
      if [ -e "$temporary/note.before" ]; then mv -f "$temporary/note.before" "$note"; else rm -f "$note"; fi
    fi
    [ -z "$temporary" ] || rm -rf "$temporary"
    [ -z "$placed" ] || return 0
    [ -z "$notes_made" ] || rmdir "$notes" 2>/dev/null
    folder=$bin
    while [ -n "$first_made" ] && rmdir "$folder" 2>/dev/null && [ "$folder" != "$first_made" ]; do folder=${folder%/*}; done
  }
  trap clean EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 141' PIPE
  trap 'exit 143' TERM

  folder=$bin
  while [ -n "$folder" ] && [ ! -d "$folder" ]; do
    first_made=$folder
    folder=${folder%/*}
  done
  mkdir -p "$bin" || fail "cannot make the folder $bin; say with GOFARM_BIN into which folder to install"
  mkdir -m 700 "${bin%/}/.gofarm-new-$$" ||
    fail "cannot write into $bin; say with GOFARM_BIN into which folder to install"
  temporary=${bin%/}/.gofarm-new-$$

  say "downloading $name $version for $target, $size bytes"
  # Somewhat more may come, so that a wrong answer is told by its digest; a flood may not.
  fetch "$url" "$temporary/program" "$((size * 2 + 65536))"
  new=$(digest_of "$temporary/program") || fail "cannot read what was downloaded in $temporary"
  if [ "$new" != "$sha256" ]; then
    have_bytes=$(($(wc -c <"$temporary/program")))
    fail "the SHA-256 of what $url gave differs: expected $sha256 of $size bytes, got $new of $have_bytes bytes. \
It was changed or cut on its way; nothing was installed"
  fi
  checked='SHA-256 verified'

  key=${GOFARM_INDEX_KEY:-$offered_key}
  if [ -z "$signature" ] || [ -z "$key" ]; then
    [ -z "${GOFARM_INDEX_KEY:-}" ] || fail 'GOFARM_INDEX_KEY is set, and this program has no signature; nothing was installed'
    checked="$checked; it has no minisign signature"
  elif have minisign; then
    signed=$temporary/program
    if [ -n "$signed_list" ]; then
      signed=$temporary/list
      fetch "$signed_list" "$signed" 1048576
    fi
    fetch "$signature" "$temporary/signature" 65536
    minisign -V -q -P "$key" -m "$signed" -x "$temporary/signature" >/dev/null ||
      fail "the minisign signature at $signature is not one of the key $key over this file; nothing was installed"
    if [ -n "$signed_list" ]; then
      found=no
      while IFS= read -r line; do
        if [ "$line" = "SHA256 ($name) = $sha256" ]; then found=yes; fi
      done <"$signed"
      [ "$found" = yes ] || fail "the signed list at $signed_list holds another SHA-256 for $name; nothing was installed"
    fi
    checked="$checked, minisign signature verified"
  else
    [ -z "${GOFARM_INDEX_KEY:-}" ] ||
      fail 'GOFARM_INDEX_KEY is set, and minisign, which checks signatures, is not installed; nothing was installed'
    checked="$checked; minisign is not installed, so the signature was not checked"
  fi

  chmod +x "$temporary/program" || fail "cannot make $temporary/program executable"
  [ -d "$notes" ] || notes_made=yes
  mkdir -p "$notes" || fail "cannot make the folder $notes for the note of what was installed"
  {
    printf 'gofarm-note 1\nmodule %s\npackage %s\nversion %s\n' "$module" "$package" "$version"
    printf 'target %s\nurl %s\nsha256 %s\n' "$target" "$url" "$sha256"
    if [ -n "$old" ]; then printf 'before %s\n' "$old"; fi
  } >"$temporary/note" || fail "cannot write the note of what was installed in $temporary"
  if [ -e "$note" ]; then cp "$note" "$temporary/note.before" || fail "cannot read $note"; fi
  noted=yes
  mv -f "$temporary/note" "$note" || fail "cannot write $note"
  mv -f "$temporary/program" "$to" || fail "cannot write $to"
  placed=yes

  say "installed $(quoted "$to"): $name $version ($target), $checked"
  say "built by gofarm from $module, not by its author: $page"
  case :${PATH:-}: in
    *:"$bin":*)
      first=$(command -v "$name") || first=
      case $first in
        "$to" | '') ;;
        *) say "another $name comes first in PATH: $first" ;;
      esac
      ;;
    *) say "$bin is not in PATH; to have it there: export PATH=$(quoted "$bin"):\$PATH" ;;
  esac
  say "to uninstall: rm -f $(quoted "$to") $(quoted "$note")"
)sh";

}  // namespace gofarm::web
