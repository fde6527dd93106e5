#!/usr/bin/env bash
# Builds the distribution's own Abseil (its source package, in the version that is installed) with -fsanitize=thread into the
# folder given: absl_tsan.sh FOLDER. Version, options and soname are those of the installed libraries, so gRPC loads these
# too and a process holds one Abseil only. Without it the thread sanitizer does not see what absl::Mutex orders and reports
# races that are none. Needs no root; the package lists it reads are its own.
set -euo pipefail
out=$1
say() { echo "absl_tsan.sh: $*" >&2; }
source_package=$(dpkg-query -W -f '${source:Package}' libabsl-dev)
version=$(dpkg-query -W -f '${source:Version}' libabsl-dev)
[ "$(cat "$out/version" 2>/dev/null)" != "$version" ] || exit 0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
mkdir -p "$tmp/state/lists/partial" "$tmp/cache/archives/partial" "$tmp/source"

# The lists of sources beside the lists of packages that this machine has.
key=""
for name in debian ubuntu; do
  [ ! -f "/usr/share/keyrings/$name-archive-keyring.gpg" ] || key="[signed-by=/usr/share/keyrings/$name-archive-keyring.gpg] "
done
apt-get indextargets --format "deb-src $key\$(SITE) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' | sort -u >"$tmp/sources.list"
apt=(apt-get -q -o "Dir::Etc::sourcelist=$tmp/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State=$tmp/state"
     -o "Dir::Cache=$tmp/cache" -o Dir::State::status=/var/lib/dpkg/status -o Acquire::Retries=3 -o APT::Sandbox::User=root)
say "fetching the source package $source_package $version (about 12 MB with its lists)"
"${apt[@]}" update >"$tmp/log" 2>&1 || { cat "$tmp/log" >&2; say "reading the lists of source packages failed; run it again"; exit 1; }
(cd "$tmp/source" && "${apt[@]}" source "$source_package=$version") >"$tmp/log" 2>&1 ||
  { cat "$tmp/log" >&2; say "the sources of $source_package $version were not to be had"; exit 1; }

say "compiling it with -fsanitize=thread (about a minute)"
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
rm -rf "$out" "$out.new"
{
  cmake -S "$tmp/source/$source_package"-*/ -B "$tmp/build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_STANDARD=17 \
    -DCMAKE_CXX_FLAGS="-O1 -g1 -w -fsanitize=thread -fno-omit-frame-pointer" -DBUILD_SHARED_LIBS=ON -DBUILD_TESTING=OFF \
    -DCMAKE_INSTALL_PREFIX="$out.new" -DCMAKE_INSTALL_LIBDIR=lib "${launcher[@]}" &&
    cmake --build "$tmp/build" ${GOFARM_JOBS:+-j "$GOFARM_JOBS"} && cmake --install "$tmp/build"
} >"$tmp/log" 2>&1 || { tail -30 "$tmp/log" >&2; say "building $source_package failed"; exit 1; }
echo "$version" >"$out.new/version"
mv "$out.new" "$out"
