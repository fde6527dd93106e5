# The libraries of the static programs, sourced by build.sh: what each needs, and how it is made. A recipe runs in the library's
# unpacked source folder and installs below $stage$prefix; $arch, $bin (compilers), $jobs and the environment (CC, CXX, AR, RANLIB,
# CFLAGS, CXXFLAGS, PKG_CONFIG_LIBDIR) are build.sh's, and so is `cross_cmake`. A recipe's text is part of its library's key: what is
# changed here is built again, with all that needs it.
# shellcheck shell=bash disable=SC2034,SC2154

# In the order in which they are made. toml++ and Boost are headers only and come from the machine's own packages.
libraries=(zlib openssl c-ares re2 abseil protobuf grpc libcap2 bubblewrap xz-utils libzstd libarchive curl fmtlib spdlog simdjson cli11 tomlplusplus boost)
declare -A needs=(
  [grpc]="zlib openssl c-ares re2 abseil protobuf"
  [libarchive]="zlib xz-utils libzstd"
  [curl]="zlib openssl"
  [spdlog]="fmtlib"
  [bubblewrap]="libcap2"
)

make_zlib() {
  CHOST=$arch-linux-musl ./configure --static --prefix="$prefix"
  make -j "$jobs" libz.a
  make install DESTDIR="$stage"
}

make_openssl() {
  local kind
  case $arch in x86_64) kind=(linux-x86_64) ;; aarch64) kind=(linux-aarch64) ;; *) kind=("linux64-$arch" no-asm) ;; esac
  # No async: musl has no makecontext. Certificates are looked for where the usual distributions have them. The library says of itself
  # how it was made and where it would look for modules: in words that name no folder of this machine.
  export PATH=$bin:$PATH CC=cc AR=ar RANLIB=ranlib
  ./Configure "${kind[@]}" no-shared no-tests no-engine no-dso no-module no-async --prefix=/usr --libdir=lib --openssldir=/etc/ssl
  make -j "$jobs" build_libs
  make install_dev DESTDIR="$stage"
  mkdir -p "$(dirname "$stage$prefix")"
  mv "$stage/usr" "$stage$prefix"
  sed -i "s#^prefix=/usr\$#prefix=$prefix#" "$stage$prefix"/lib/pkgconfig/*.pc
}

make_c-ares() { cross_cmake . -DCARES_SHARED=OFF -DCARES_STATIC=ON -DCARES_STATIC_PIC=ON -DCARES_BUILD_TOOLS=OFF -DCARES_BUILD_TESTS=OFF; }

make_re2() {
  # Debian leaves the generated tables out; its packages' scripts read what unicode-data has.
  rm -f re2/perl_groups.cc re2/unicode_casefold.cc re2/unicode_groups.cc
  (cd re2 && perl make_perl_groups.pl >perl_groups.cc && python3 make_unicode_casefold.py >unicode_casefold.cc && python3 make_unicode_groups.py >unicode_groups.cc)
  cross_cmake . -DRE2_BUILD_TESTING=OFF
}

make_abseil() {
  # clang has no "+crypto" in -march that goes with zig's -mcpu.
  sed -i 's/-march=armv8-a+crypto/-mcpu=generic+crypto/' absl/copts/GENERATED_AbseilCopts.cmake
  # off64_t and the like: musl has them by this name only.
  cross_cmake . -DCMAKE_CXX_STANDARD=17 -DABSL_PROPAGATE_CXX_STD=ON -DBUILD_TESTING=OFF -DCMAKE_CXX_FLAGS="$CXXFLAGS -D_LARGEFILE64_SOURCE"
}

make_protobuf() {
  cross_cmake . -DCMAKE_CXX_STANDARD=17 -Dprotobuf_BUILD_TESTS=OFF -Dprotobuf_BUILD_PROTOC_BINARIES=OFF -Dprotobuf_BUILD_LIBPROTOC=OFF -Dprotobuf_WITH_ZLIB=OFF
}

make_grpc() {
  local provider providers=()
  for provider in ABSL CARES PROTOBUF RE2 SSL ZLIB; do providers+=("-DgRPC_${provider}_PROVIDER=package"); done
  for provider in CPP CSHARP NODE OBJECTIVE_C PHP PYTHON RUBY; do providers+=("-DgRPC_BUILD_GRPC_${provider}_PLUGIN=OFF"); done
  cross_configure . "${providers[@]}" -DCMAKE_CXX_STANDARD=17 -DgRPC_PROTOBUF_PACKAGE_TYPE=CONFIG -DgRPC_INSTALL=ON -DgRPC_BUILD_TESTS=OFF -DgRPC_BUILD_CSHARP_EXT=OFF \
    -DCMAKE_CXX_FLAGS="$CXXFLAGS -Wno-missing-template-arg-list-after-template-kw"
  cross_build grpc++
  # Its installation wants all of its libraries; those that nobody links here are empty.
  local archive
  for archive in grpc_unsecure grpc++_alts grpc++_error_details grpc++_reflection grpc++_unsecure grpc_plugin_support grpcpp_channelz; do
    [ -f "$build/lib$archive.a" ] || printf '!<arch>\n' >"$build/lib$archive.a"
  done
  cross_install
}

make_xz-utils() { cross_cmake . -DBUILD_TESTING=OFF -DCREATE_XZ_SYMLINKS=OFF -DCREATE_LZMA_SYMLINKS=OFF; }

make_libzstd() {
  make -C lib -j "$jobs" libzstd.a PREFIX="$prefix"
  make -C lib install-static install-includes install-pc PREFIX="$prefix" DESTDIR="$stage"
}

# Reads zip and tar, plain or by gzip, xz or zstd: what toolchains and modules come in.
make_libarchive() {
  local off=() what
  for what in TEST TAR CPIO CAT ACL XATTR ICONV OPENSSL MBEDTLS NETTLE LIBB2 LZ4 LZO BZip2 LIBXML2 EXPAT PCREPOSIX LibGCC CNG; do off+=("-DENABLE_$what=OFF"); done
  cross_cmake . "${off[@]}" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="" -DENABLE_WERROR=OFF -DENABLE_ZLIB=ON -DENABLE_LZMA=ON -DENABLE_ZSTD=ON
}

# HTTP, HTTPS and files only. The certificates' file is found by our own code (common/io/ca_bundle).
make_curl() {
  # Whether poll works is tried by running it, which cannot be done for another machine: without the answer it would be select.
  local off=() what
  for what in DICT FTP GOPHER IMAP LDAP LDAPS MQTT POP3 RTSP SMB SMTP TELNET TFTP; do off+=("-DCURL_DISABLE_$what=ON"); done
  cross_cmake . "${off[@]}" -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DCURL_USE_OPENSSL=ON -DCURL_ZLIB=ON -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF \
    -DUSE_NGHTTP2=OFF -DUSE_LIBIDN2=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_GSSAPI=OFF -DENABLE_MANUAL=OFF \
    -DHAVE_POLL_FINE=ON -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none
}

make_fmtlib() { cross_cmake . -DFMT_TEST=OFF -DFMT_DOC=OFF -DFMT_FUZZ=OFF; }
make_spdlog() { cross_cmake . -DSPDLOG_FMT_EXTERNAL=ON -DSPDLOG_BUILD_EXAMPLE=OFF -DSPDLOG_BUILD_TESTS=OFF -DCMAKE_CXX_FLAGS="$CXXFLAGS -D_LARGEFILE64_SOURCE"; }
make_simdjson() { cross_cmake . -DSIMDJSON_DEVELOPER_MODE=OFF; }
make_cli11() { cross_cmake . -DCLI11_BUILD_TESTS=OFF -DCLI11_BUILD_EXAMPLES=OFF -DCLI11_BUILD_DOCS=OFF; }

make_tomlplusplus() {
  mkdir -p "$stage$prefix/include" "$stage$prefix/lib/pkgconfig"
  cp -r /usr/include/toml++ "$stage$prefix/include/"
  printf 'Name: tomlplusplus\nDescription: TOML reader\nVersion: 3\nCflags: -I%s/include\nLibs:\n' "$prefix" >"$stage$prefix/lib/pkgconfig/tomlplusplus.pc"
}

# Of its headers only those of asio and beast are used; they are the machine's own.
make_boost() {
  mkdir -p "$stage$prefix/include"
  ln -s /usr/include/boost "$stage$prefix/include/boost"
}

make_libcap2() {
  # BUILD_CC makes a program that runs here.
  make -C libcap -j "$jobs" libcap.a USE_GPERF=no BUILD_CC=gcc BUILD_CFLAGS="-O1 -Ilibcap/include -I./include -I./include/uapi" CC="$CC" AR="$AR" RANLIB="$RANLIB" COPTS="$CFLAGS"
  mkdir -p "$stage$prefix/lib" "$stage$prefix/include/sys"
  cp libcap/libcap.a "$stage$prefix/lib/"
  cp libcap/include/sys/capability.h "$stage$prefix/include/sys/"
}

make_bubblewrap() {
  local capabilities
  capabilities=$(prefix_of libcap2)
  printf '#define PACKAGE_STRING "bubblewrap %s"\n' "$(sed -n "s/^AC_INIT(\[bubblewrap\], \[\([0-9.]*\)\].*/\1/p" configure.ac)" >config.h
  mkdir -p "$stage$prefix/bin"
  # shellcheck disable=SC2086
  $CC $CFLAGS -D_GNU_SOURCE -I. -I"$capabilities/include" bubblewrap.c bind-mount.c network.c utils.c "$capabilities/lib/libcap.a" -static -pie -s -o "$stage$prefix/bin/bwrap"
}
