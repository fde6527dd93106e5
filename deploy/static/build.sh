#!/usr/bin/env bash
# Makes the worker and the CLI as static files for other hosts: build.sh TARGET...|all [--out DIR] [--sources DIR|URL]
# (targets: aarch64 loongarch64 riscv64 x86_64; DIR: build/static). Writes gofarm-VERSION-linux-TARGET.tar.zst: gofarm-worker, gofarm
# and the bwrap they need, each a static PIE without dependencies. Runs on x86_64 Debian 12 and needs no root:
#   bash deploy/setup/setup.sh static      installs what it calls
#   build.sh --update-pins                 moves sources.tsv to the versions that the Debian mirror has now
# Everything is compiled by the pinned zig from Debian's pinned source packages (sources.sh, libraries.sh). The libraries of a target take
# 15 to 30 minutes on two cores and are kept, one by one, in the cache folder (GOFARM_CACHE_DIR, else ~/.cache/gofarm); after that a run
# compiles only what changed of our own code, and one that was interrupted goes on where it was.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
all=(aarch64 loongarch64 riscv64 x86_64)
die() { echo "static: $*" >&2; exit 1; }
say() { printf 'static: %d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
digest() { sha256sum | cut -c1-12; }

targets=() out=$root/build/static from=()
while [ $# -gt 0 ]; do
  case $1 in
    --out) [ $# -ge 2 ] || die "--out needs a folder"; out=$2; shift ;;
    --sources) [ $# -ge 2 ] || die "--sources needs a folder or an URL"; from=(--from "$2"); shift ;;
    --update-pins) exec bash "$here/sources.sh" --update-pins ;;
    all) targets=("${all[@]}") ;;
    *) [[ " ${all[*]} " == *" $1 "* ]] || die "unknown target or option '$1'; targets: ${all[*]}, all"; targets+=("$1") ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] || die "usage: build.sh TARGET...|all [--out DIR] [--sources DIR|URL] | --update-pins (targets: ${all[*]})"
[ "$(uname -m)" = x86_64 ] || die "this runs on x86_64 machines only"
for program in cmake dpkg-source gcc grpc_cpp_plugin make ninja perl pkg-config protoc python3 readelf zstd; do
  command -v "$program" >/dev/null || die "$program is missing; run: bash deploy/setup/setup.sh static"
done
for file in /usr/share/unicode/UnicodeData.txt /usr/include/toml++/toml.h /usr/include/boost/beast.hpp; do [ -f "$file" ] || die "$file is missing; run: bash deploy/setup/setup.sh static"; done
mkdir -p "$out"
out=$(cd "$out" && pwd)
cache=${GOFARM_CACHE_DIR:-$HOME/.cache/gofarm}/static
mkdir -p "$cache"
cache=$(cd "$cache" && pwd -P)
jobs=${GOFARM_JOBS:-$(nproc)}
version=$(sed -n 's/^project(gofarm VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")

# The code that protoc writes must be that of the library which it is compiled with.
pinned_protobuf=$(sed -n 's/.*\tprotobuf_\([0-9.]*\)-.*\.dsc\t.*/\1/p' "$here/sources.tsv")
[ "$(protoc --version)" = "libprotoc $pinned_protobuf" ] || die "$(protoc --version) is installed and sources.tsv pins protobuf $pinned_protobuf; this runs on Debian 12"

# One run at a time fetches; each target is locked for itself.
exec 8>"$cache/lock"
flock 8
bash "$here/sources.sh" "$cache/sources" "${from[@]}" || exit 1

# The zig of the newest toolset, as workers install it; else from the Python package index, checked by the same digest.
zig_pin() { awk -v RS='\n\\[\\[' '/kind = "zig"/ && /host_arch = "x86_64"/ && /source = "pypi"/' "$root/deploy/toolsets.toml" | sed -nE "s/^$1 = \"(.*)\"/\\1/p" | tail -1; }
zig_version=$(zig_pin version) zig_sha256=$(zig_pin sha256) zig_locator=$(zig_pin locator)
zig_name=zig-$zig_version-${zig_sha256:0:8}
zig=$(dirname "$cache")/toolchains/$zig_name/root/zig
if [ ! -x "$zig" ]; then
  zig=$cache/$zig_name/ziglang/zig
  if [ ! -x "$zig" ]; then
    say "fetching zig $zig_version"
    python3 -m pip --version >/dev/null 2>&1 || die "python3-pip is missing; run: bash deploy/setup/setup.sh static"
    rm -rf "$cache/$zig_name.new"
    mkdir -p "$cache/$zig_name.new"
    echo "$zig_locator --hash=sha256:$zig_sha256" >"$cache/$zig_name.new/pins"
    python3 -m pip download -q --disable-pip-version-check --retries 5 --no-deps --only-binary :all: --require-hashes -r "$cache/$zig_name.new/pins" -d "$cache/$zig_name.new" ||
      die "pip download of $zig_locator failed; check the package index that pip uses and try again"
    python3 -m zipfile -e "$cache/$zig_name.new"/*.whl "$cache/$zig_name.new"
    rm "$cache/$zig_name.new"/*.whl
    chmod +x "$cache/$zig_name.new/ziglang/zig"
    rm -rf "${cache:?}/$zig_name"
    mv "$cache/$zig_name.new" "$cache/$zig_name"
  fi
fi
flock -u 8

# What libraries.sh calls.
# shellcheck source=deploy/static/libraries.sh
. "$here/libraries.sh"
cflags="-O2 -g0 -fPIC" cxxflags="-O1 -g0 -fPIC"
cross_configure() { # SOURCE WORDS...
  build=$work/build-$name
  cmake -S "$1" -B "$build" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$toolchain" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$cflags" -DCMAKE_CXX_FLAGS="$cxxflags" \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_PREFIX_PATH="$prefixes" -DBUILD_SHARED_LIBS=OFF "${@:2}"
}
cross_build() { cmake --build "$build" -j "$jobs" ${1:+--target "$1"}; }
cross_install() { DESTDIR=$stage cmake --install "$build"; }
cross_cmake() { cross_configure "$@" && cross_build && cross_install; }

prefix_of() { echo "$base/$1-${keys[$1]}"; }
# NAME -> the text that its key is made of.
recipe_of() {
  local need
  awk -F'\t' -v p="$1" '$1 == p {print $2, $4}' "$here/sources.tsv"
  [ "$1" != boost ] || sha256sum /usr/include/boost/version.hpp
  [ "$1" != tomlplusplus ] || find /usr/include/toml++ -type f -exec sha256sum {} + | sort
  declare -f "make_$1" cross_configure
  cat "$here/toolchain.cmake.in"
  echo "$zig_sha256 $arch $cflags $cxxflags ${flags[*]}"
  for need in ${needs[$1]:-}; do echo "$need ${keys[$need]}"; done
}

make_library() { # NAME: into its own folder, whole or not at all
  local name=$1 prefix stage=$work/stage log=$base/log/$1.log need build="" prefixes="" dsc rc
  prefix=$(prefix_of "$name")
  [ ! -d "$prefix" ] || return 0
  say "$arch: $name"
  for need in ${needs[$name]:-}; do prefixes+="${prefixes:+;}$(prefix_of "$need")"; done
  rm -rf "${work:?}/$name" "$work/build-$name" "$stage"
  mkdir -p "$stage" "$base/log"
  dsc=$(awk -F'\t' -v p="$name" '$1 == p && $2 ~ /\.dsc$/ {print $2}' "$here/sources.tsv")
  # Not as a condition, inside which `set -e` would be without effect.
  set +e
  (
    set -e
    cd "$work"
    if [ -n "$dsc" ]; then
      dpkg-source --no-check --no-copy -x "$cache/sources/$dsc" "$name"
      cd "$name"
    fi
    export CC=$bin/cc CXX=$bin/c++ AR=$bin/ar RANLIB=$bin/ranlib CFLAGS=$cflags CXXFLAGS=$cxxflags PKG_CONFIG_LIBDIR PKG_CONFIG_PATH=""
    PKG_CONFIG_LIBDIR=$(sed 's#;#/lib/pkgconfig:#g; s#$#/lib/pkgconfig#' <<<"$prefixes")
    set -x
    "make_$name"
    [ ! -f debian/copyright ] || cp debian/copyright "$stage$prefix/LICENCE"
  ) >"$log" 2>&1
  rc=$?
  set -e
  if [ $rc -ne 0 ]; then
    grep -E 'error:|undefined symbol|CMake Error' "$log" | head -5 >&2 || true
    tail -15 "$log" >&2
    die "$name for $arch failed; the whole log is $log"
  fi
  mkdir -p "$base"
  mv "$stage$prefix" "$prefix"
  rm -rf "${work:?}/$name" "$work/build-$name" "$stage"
}

# What the farm's own acceptance gate (common/elf/gate) asks of every executable that it publishes.
gate() { # FILE MACHINE
  local heads why=""
  heads=$(readelf -hlndSW "$1")
  grep -qE "Machine: *($2)\$" <<<"$heads" || why+=" is for another machine;"
  grep -qE "Type: *DYN" <<<"$heads" && grep -qE "\(FLAGS_1\).* PIE" <<<"$heads" || why+=" is no PIE;"
  ! grep -qE "^ +INTERP " <<<"$heads" || why+=" has an interpreter;"
  ! grep -q "(NEEDED)" <<<"$heads" || why+=" needs shared libraries;"
  grep -qE "^ +GNU_RELRO " <<<"$heads" || why+=" has no RELRO segment;"
  grep -qE "\(BIND_NOW\)|\((FLAGS|FLAGS_1)\).*NOW" <<<"$heads" || why+=" does not bind its symbols at start;"
  grep -qE "^ +GNU_STACK .* RW +0" <<<"$heads" || why+=" may have an executable stack;"
  ! grep -qE " \.symtab " <<<"$heads" || why+=" is not stripped;"
  ! grep -q "Build ID:" <<<"$heads" || why+=" has a build id;"
  [ -z "$why" ] || die "${1##*/} for $arch is refused:$why"
}

make_target() {
  local arch=$1 machine base=$cache/$1 name prefixes="" build folder
  local work=$base/work bin=$base/bin toolchain=$base/toolchain.cmake
  declare -A keys=()
  case $arch in
    aarch64) machine=AArch64 ;;
    loongarch64) machine='LoongArch|<unknown>: 0x102' ;;
    riscv64) machine=RISC-V ;;
    x86_64) machine='Advanced Micro Devices X86-64' ;;
  esac
  mkdir -p "$base/work" "$bin"
  exec 9>"$base/lock"
  flock 9
  # No path of this machine in what is compiled; zig's own checks for undefined behaviour are for programs under development.
  local flags=(-target "$arch-linux-musl" -fno-sanitize=undefined -Wno-unused-command-line-argument)
  export ZIG_GLOBAL_CACHE_DIR=$cache/zig-cache ZIG_LOCAL_CACHE_DIR=$cache/zig-cache
  # zig's linker knows no --push-state, which Debian's Abseil asks for around libatomic; zig has that one built in.
  for name in cc c++; do
    cat >"$bin/$name.new" <<WRAPPER
#!/bin/sh
for word do
  shift
  case \$word in -Wl,--push-state* | -Wl,--pop-state | -latomic) ;; *) set -- "\$@" "\$word" ;; esac
done
exec "$zig" $name ${flags[*]} -ffile-prefix-map="$work/=" "\$@"
WRAPPER
  done
  for name in ar ranlib; do printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$zig" "$name" >"$bin/$name.new"; done
  sed "s#@ARCH@#$arch#g; s#@BIN@#$bin#g" "$here/toolchain.cmake.in" >"$toolchain.new"
  for name in "$bin/cc" "$bin/c++" "$bin/ar" "$bin/ranlib" "$toolchain"; do
    # What did not change keeps its time, by which CMake would configure anew.
    if cmp -s "$name.new" "$name"; then rm "$name.new"; else chmod +x "$name.new"; mv "$name.new" "$name"; fi
  done

  for name in "${libraries[@]}"; do
    keys[$name]=$(recipe_of "$name" | digest)
    make_library "$name"
    prefixes+="${prefixes:+;}$(prefix_of "$name")"
  done

  # Our own code: a build folder for each checkout, begun anew when a library is another one.
  build=$base/gofarm-$(digest <<<"$root")
  if [ "$(cat "$build/prefixes" 2>/dev/null)" != "$prefixes" ]; then
    rm -rf "$build"
    mkdir -p "$build"
    echo "$prefixes" >"$build/prefixes"
  fi
  say "$arch: gofarm-worker and gofarm"
  export PKG_CONFIG_PATH="" PKG_CONFIG_LIBDIR
  PKG_CONFIG_LIBDIR=$(sed 's#;#/lib/pkgconfig:#g; s#$#/lib/pkgconfig#' <<<"$prefixes")
  if ! {
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$toolchain" -DCMAKE_PROJECT_INCLUDE="$here/project.cmake" -DCMAKE_PREFIX_PATH="$prefixes" -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_C_FLAGS_RELEASE="$cflags" -DCMAKE_CXX_FLAGS_RELEASE="$cxxflags" -DCMAKE_CXX_FLAGS="-ffile-prefix-map=$root/= -ffile-prefix-map=$build/= -ffile-prefix-map=$base/=" \
      -DGOFARM_COMPONENTS="worker;cli" -DGOFARM_TESTS=OFF -DGOFARM_BENCH=OFF -DGOFARM_CCACHE="" -DGOFARM_LINKER="" &&
      cmake --build "$build" -j "$jobs" --target gofarm-worker gofarm
  } >"$build/log" 2>&1; then
    grep -E 'error:|undefined symbol|CMake Error' "$build/log" | head -20 >&2 || true
    tail -5 "$build/log" >&2
    die "gofarm for $arch failed; the whole log is $build/log"
  fi

  folder=gofarm-$version-linux-$arch
  rm -rf "${work:?}/$folder"
  mkdir -p "$work/$folder/licences"
  cp "$build/bin/gofarm-worker" "$build/bin/gofarm" "$(prefix_of bubblewrap)/bin/bwrap" "$work/$folder/"
  for name in "${libraries[@]}"; do [ ! -f "$(prefix_of "$name")/LICENCE" ] || cp "$(prefix_of "$name")/LICENCE" "$work/$folder/licences/$name"; done
  local lib=${zig%/*}/lib deps=$root/build/deps
  cp "$lib/libc/musl/COPYRIGHT" "$work/$folder/licences/musl"
  cat "$lib/libcxx/LICENSE.TXT" "$lib/libcxxabi/LICENSE.TXT" "$lib/libunwind/LICENSE.TXT" >"$work/$folder/licences/llvm-runtimes"
  cp "${zig%/*}/LICENSE" "$work/$folder/licences/zig-compiler-rt"
  cp "$deps/blake3/LICENCE" "$work/$folder/licences/blake3"
  cp "$deps/tree-sitter/LICENCE" "$work/$folder/licences/tree-sitter"
  cp /usr/share/doc/libtomlplusplus-dev/copyright "$work/$folder/licences/tomlplusplus"
  cp /usr/share/doc/libboost"$(sed -n 's/^#define BOOST_LIB_VERSION "\([0-9]*\)_\([0-9]*\).*/\1.\2/p' /usr/include/boost/version.hpp)"-dev/copyright "$work/$folder/licences/boost"
  for name in gofarm-worker gofarm bwrap; do gate "$work/$folder/$name" "$machine"; done
  # The same files give the same archive.
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@${SOURCE_DATE_EPOCH:-0}" -cf - "$folder" | zstd -q -f -T0 -15 -o "$work/$folder.tar.zst"
  mv "$work/$folder.tar.zst" "$out/$folder.tar.zst"
  rm -rf "${work:?}/$folder"
  flock -u 9
  say "$arch: $out/$folder.tar.zst ($(($(stat -c %s "$out/$folder.tar.zst") / 1024)) KiB)"
}

# In one piece: a script that is changed while it runs is read on from where it was.
{
  for target in "${targets[@]}"; do make_target "$target"; done
  exit 0
}
