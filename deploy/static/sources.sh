#!/usr/bin/env bash
# Puts the Debian source packages that the static programs are made of, as sources.tsv pins them, into a folder:
#   sources.sh FOLDER [--from DIR|URL]   fetches what FOLDER lacks: first from DIR or URL (laid out as a mirror's pool/, or all files
#                                        in one folder), then by apt from the mirror that this machine has
#   sources.sh --update-pins             writes the versions that the mirror has now into sources.tsv
# A file is used only when its size and SHA-256 are those of the list. The lists that apt reads here are its own: nothing of the
# system's changes, and root is not needed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
list=$here/sources.tsv
die() { echo "sources.sh: $*" >&2; exit 1; }
say() { echo "sources.sh: $*" >&2; }

out="" from="" update=""
while [ $# -gt 0 ]; do
  case $1 in
    --from) [ $# -ge 2 ] || die "--from needs a folder or an URL"; from=$2; shift ;;
    --update-pins) update=yes ;;
    -*) die "unknown option $1" ;;
    *) out=$1 ;;
  esac
  shift
done
[ -n "$out$update" ] || die "usage: sources.sh FOLDER [--from DIR|URL] | --update-pins"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# The mirrors of Debian that this machine's package lists come from.
mirrors() {
  [ ! -s "$tmp/sites" ] || return 0
  local key=""
  [ ! -f /usr/share/keyrings/debian-archive-keyring.gpg ] || key="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
  mkdir -p "$tmp/state/lists/partial" "$tmp/cache/archives/partial"
  apt-get indextargets --format "\$(CODENAME) deb-src $key\$(SITE) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 'Origin: Debian' |
    sed -nE 's/^[a-z]+(-updates|-security)? (deb-src .* main)$/\2/p' | sort -u >"$tmp/sources.list"
  grep -oE '[a-z+]+://[^ ]+' "$tmp/sources.list" | sort -u >"$tmp/sites" || true
  [ -s "$tmp/sites" ] || die "apt has no lists of a Debian mirror; run apt-get update, or name a folder or a mirror with --sources"
  apt_options=(-q -o "Dir::Etc::sourcelist=$tmp/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State=$tmp/state"
    -o "Dir::Cache=$tmp/cache" -o Dir::State::status=/var/lib/dpkg/status -o Acquire::Retries=3)
  [ "$(id -u)" -ne 0 ] || apt_options+=(-o APT::Sandbox::User=root)
}

# Their lists of source packages.
open_apt() {
  mirrors
  [ -z "${apt_open:-}" ] || return 0
  apt_open=yes
  say "reading the mirror's lists of source packages (about 10 MB)"
  apt-get "${apt_options[@]}" update >"$tmp/log" 2>&1 || { tail -5 "$tmp/log" >&2; die "reading the lists of source packages failed; run it again"; }
}

# PACKAGE -> one line "VERSION" for each that the mirror has, newest first.
versions_of() {
  apt-cache "${apt_options[@]}" showsrc --only-source "$1" 2>/dev/null | sed -n 's/^Version: //p' | sort -u >"$tmp/versions"
  local v best
  while [ -s "$tmp/versions" ]; do
    best=""
    while IFS= read -r v; do [ -n "$best" ] && dpkg --compare-versions "$v" le "$best" || best=$v; done <"$tmp/versions"
    echo "$best"
    grep -vxF "$best" "$tmp/versions" >"$tmp/versions.rest" || true
    mv "$tmp/versions.rest" "$tmp/versions"
  done
}

# PACKAGE VERSION -> its files as sources.tsv has them.
rows_of() {
  apt-cache "${apt_options[@]}" showsrc --only-source "$1" | awk -v p="$1" -v want="$2" '
    function flush() { if (version == want && !done) { for (i = 1; i <= n; i++) print p "\t" file[i] "\t" size[i] "\t" sum[i] "\t" folder; done = 1 } n = 0; version = "" }
    /^$/ { flush(); next }
    /^[^ ]/ { sums = ($1 == "Checksums-Sha256:") }
    $1 == "Version:" { version = $2 }
    $1 == "Directory:" { folder = $2 }
    sums && /^ / && $3 !~ /\.asc$/ { n++; sum[n] = $1; size[n] = $2; file[n] = $3 }
    END { flush() }'
}

# FILE SHA256 POOL -> $tmp/file, from the pool of any of the mirrors, by apt's transport and settings. A mirror keeps a version for some
# time after (or before) its lists name it, and what began in the security archive's pool moves to the main one.
fetch() {
  local site folder
  while IFS= read -r site; do
    for folder in "$3" "${3/#pool\/updates\//pool/}"; do
      rm -f "$tmp/file"
      /usr/lib/apt/apt-helper "${apt_options[@]}" download-file "${site%/}/$folder/${1//+/%2b}" "$tmp/file" "SHA256:$2" >"$tmp/log" 2>&1 </dev/null && return 0
    done
  done <"$tmp/sites"
  return 1
}

if [ -n "$update" ]; then
  open_apt
  for package in $(cut -f1 "$list" | sort -u); do
    # The newest whose .dsc is in the pool: a mirror's lists may be ahead of it.
    taken=""
    for version in $(versions_of "$package"); do
      rows_of "$package" "$version" >"$tmp/rows"
      IFS=$'\t' read -r _ file size sum pool < <(grep -P '\.dsc\t' "$tmp/rows") || die "the mirror's lists say nothing of the files of $package $version"
      fetch "$file" "$sum" "$pool" && taken=$version && break
      say "the mirror's lists name $package $version, its pool does not have it"
    done
    [ -n "$taken" ] || die "the mirror has no source package $package"
    cat "$tmp/rows" >>"$tmp/new"
  done
  if cmp -s <(sort "$list") <(sort "$tmp/new"); then say "sources.tsv is what the mirror has"; exit 0; fi
  diff <(cut -f2 "$list" | sort) <(cut -f2 "$tmp/new" | sort) | grep '^[<>].*\.dsc$' >&2 || true
  cp "$tmp/new" "$list"
  say "sources.tsv holds the versions that the mirror has now; build with them and commit the list"
  exit 0
fi

# FILE SIZE SHA256
holds() { [ -f "$1" ] && [ "$(stat -c %s "$1")" = "$2" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$3" ]; }
# FROM NAME SIZE SHA256: into the folder, whole or not at all.
keep() { if holds "$1" "$3" "$4"; then cp "$1" "$out/.$2.$$" && mv "$out/.$2.$$" "$out/$2"; else return 1; fi; }

mkdir -p "$out"
out=$(cd "$out" && pwd)
lacking() {
  local package file size sum pool
  while IFS=$'\t' read -r package file size sum pool; do
    # What was checked when it came is only measured again: its name, with the version in it, is never used for other content.
    [ -f "$out/$file" ] && [ "$(stat -c %s "$out/$file")" = "$size" ] && [ -z "${GOFARM_CHECK_SOURCES:-}" ] && continue
    holds "$out/$file" "$size" "$sum" || printf '%s\t%s\t%s\t%s\t%s\n' "$package" "$file" "$size" "$sum" "$pool"
  done <"$list"
}

lacking >"$tmp/lacking"
[ -s "$tmp/lacking" ] || exit 0
if [ -n "$from" ]; then
  say "fetching $(wc -l <"$tmp/lacking") files from $from"
  while IFS=$'\t' read -r package file size sum pool; do
    for place in "$pool/$file" "$file"; do
      case $from in
        *://*) curl -fsSL --retry 3 --max-filesize "$size" -o "$tmp/file" "${from%/}/$place" 2>/dev/null || continue ;;
        *) [ -f "$from/$place" ] || continue; cp "$from/$place" "$tmp/file" ;;
      esac
      keep "$tmp/file" "$file" "$size" "$sum" && break
      say "$from/$place is not what sources.tsv pins (another size or SHA-256), so it is not used"
    done
  done <"$tmp/lacking"
  lacking >"$tmp/lacking"
  [ -s "$tmp/lacking" ] || exit 0
fi

say "fetching $(wc -l <"$tmp/lacking") files from this machine's Debian mirror"
mirrors
while IFS=$'\t' read -r package file size sum pool; do
  if fetch "$file" "$sum" "$pool" && keep "$tmp/file" "$file" "$size" "$sum"; then continue; fi
  open_apt
  has=$(versions_of "$package" | sed -n 1p)
  die "$file is gone from the mirror, whose lists have $package ${has:-no more}. Either name a folder or a mirror that has it (--sources DIR|URL; https://snapshot.debian.org keeps every version) or take the mirror's versions: deploy/static/build.sh --update-pins"
done <"$tmp/lacking"
