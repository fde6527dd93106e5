# Every library of ours comes from the distribution; deploy/setup/setup.sh installs them.

# The thread sanitizer must see what absl::Mutex orders: the distribution's own Abseil, compiled again.
if(GOFARM_SANITIZE STREQUAL "thread")
  set(GOFARM_ABSL_TSAN_DIR "${CMAKE_SOURCE_DIR}/build/deps/absl-tsan" CACHE PATH "an Abseil of the same version with -fsanitize=thread")
  execute_process(COMMAND bash ${CMAKE_SOURCE_DIR}/deploy/setup/absl_tsan.sh ${GOFARM_ABSL_TSAN_DIR} COMMAND_ERROR_IS_FATAL ANY)
  set(absl_DIR "${GOFARM_ABSL_TSAN_DIR}/lib/cmake/absl")
  # Also what gRPC asks for by itself is looked for there first: RPATH, not RUNPATH.
  add_link_options(-Wl,--disable-new-dtags)
endif()
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(simdjson CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
# What only some programs need is looked for only when they are built (tests/tidy/check_components.sh).
find_package(CURL REQUIRED)
if(GOFARM_WITH_COORDINATOR OR GOFARM_WITH_CLI)
  find_package(ZLIB REQUIRED)
endif()
if(GOFARM_WITH_WORKER OR GOFARM_WITH_COORDINATOR)
  find_package(LibArchive REQUIRED)
  # A static one brings nothing along (deploy/static).
  if(LibArchive_LIBRARIES MATCHES "\\.a$")
    find_package(LibLZMA REQUIRED)
    find_package(ZLIB REQUIRED)
    pkg_check_modules(ARCHIVE_ZSTD REQUIRED IMPORTED_TARGET libzstd)
    set_property(TARGET LibArchive::LibArchive APPEND PROPERTY INTERFACE_LINK_LIBRARIES LibLZMA::LibLZMA ZLIB::ZLIB PkgConfig::ARCHIVE_ZSTD)
  endif()
endif()
# Headers only: the HTTP listener (common/http).
if(GOFARM_WITH_WORKER OR GOFARM_WITH_COORDINATOR)
  find_path(GOFARM_BOOST_INCLUDE boost/beast.hpp REQUIRED)
endif()
if(GOFARM_WITH_COORDINATOR)
  find_package(prometheus-cpp CONFIG REQUIRED)
  pkg_check_modules(PQXX REQUIRED IMPORTED_TARGET libpqxx)
  pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
  pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
endif()
find_program(GOFARM_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)
if(GOFARM_TESTS)
  find_package(GTest CONFIG REQUIRED)
endif()

find_program(GOFARM_CCACHE ccache)
if(GOFARM_CCACHE)
  # Precompiled headers and ccache agree only with these sloppiness settings; base_dir lets build folders share entries.
  set(GOFARM_CCACHE_COMMAND ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${GOFARM_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${GOFARM_CCACHE_COMMAND})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GOFARM_CCACHE_COMMAND})
endif()

set(GOFARM_LINKER "" CACHE STRING "mold, lld or empty for the default linker")
if(GOFARM_LINKER)
  find_program(GOFARM_LINKER_PATH ${GOFARM_LINKER})
  if(GOFARM_LINKER_PATH)
    add_link_options(-fuse-ld=${GOFARM_LINKER})
  endif()
endif()

# The official BLAKE3 C library: libblake3-dev where the distribution has it, else the sources inside the package that
# ships the Rust crate; deploy/setup/blake3.sh unpacks them.
find_path(GOFARM_BLAKE3_INCLUDE blake3.h)
find_library(GOFARM_BLAKE3_LIBRARY blake3)
if(GOFARM_BLAKE3_INCLUDE AND GOFARM_BLAKE3_LIBRARY)
  add_library(gofarm_blake3 INTERFACE)
  target_include_directories(gofarm_blake3 SYSTEM INTERFACE ${GOFARM_BLAKE3_INCLUDE})
  target_link_libraries(gofarm_blake3 INTERFACE ${GOFARM_BLAKE3_LIBRARY})
else()
  set(GOFARM_BLAKE3_DIR "${CMAKE_SOURCE_DIR}/build/deps/blake3" CACHE PATH "folder with blake3.c")
  if(NOT EXISTS "${GOFARM_BLAKE3_DIR}/LICENCE")
    execute_process(COMMAND bash ${CMAKE_SOURCE_DIR}/deploy/setup/blake3.sh ${GOFARM_BLAKE3_DIR} COMMAND_ERROR_IS_FATAL ANY)
  endif()
  # Portable code only: executables are hashed once each, at hundreds of MB a second.
  add_library(gofarm_blake3 STATIC ${GOFARM_BLAKE3_DIR}/blake3.c ${GOFARM_BLAKE3_DIR}/blake3_dispatch.c
              ${GOFARM_BLAKE3_DIR}/blake3_portable.c)
  target_compile_definitions(gofarm_blake3 PRIVATE BLAKE3_NO_SSE2 BLAKE3_NO_SSE41 BLAKE3_NO_AVX2 BLAKE3_NO_AVX512
                             BLAKE3_USE_NEON=0)
  target_include_directories(gofarm_blake3 SYSTEM PUBLIC ${GOFARM_BLAKE3_DIR})
endif()

# The parser of Go sources (common/godetect): its C sources, unpacked by deploy/setup/tree_sitter.sh.
if(GOFARM_WITH_COORDINATOR OR GOFARM_WITH_CLI)
  set(GOFARM_TREE_SITTER_DIR "${CMAKE_SOURCE_DIR}/build/deps/tree-sitter" CACHE PATH "folder with runtime/ and go/")
  if(NOT EXISTS "${GOFARM_TREE_SITTER_DIR}/LICENCE")
    execute_process(COMMAND bash ${CMAKE_SOURCE_DIR}/deploy/setup/tree_sitter.sh ${GOFARM_TREE_SITTER_DIR} COMMAND_ERROR_IS_FATAL ANY)
  endif()
  add_library(gofarm_tree_sitter STATIC ${GOFARM_TREE_SITTER_DIR}/runtime/src/lib.c ${GOFARM_TREE_SITTER_DIR}/go/parser.c)
  target_include_directories(gofarm_tree_sitter PRIVATE ${GOFARM_TREE_SITTER_DIR}/runtime/src ${GOFARM_TREE_SITTER_DIR}/go)
  target_include_directories(gofarm_tree_sitter SYSTEM PUBLIC ${GOFARM_TREE_SITTER_DIR}/runtime/include)
  # C11 with GNU names (fdopen, le16toh); not our code, so not our warnings.
  target_compile_options(gofarm_tree_sitter PRIVATE -std=gnu11 -w)
endif()

# The root certificates of published images (coordinator/publish): unpacked by deploy/setup/certifi.sh.
if(GOFARM_WITH_COORDINATOR)
  set(GOFARM_CERTIFI_DIR "${CMAKE_SOURCE_DIR}/build/deps/certifi" CACHE PATH "folder with cacert.pem")
  if(NOT EXISTS "${GOFARM_CERTIFI_DIR}/LICENCE")
    execute_process(COMMAND bash ${CMAKE_SOURCE_DIR}/deploy/setup/certifi.sh ${GOFARM_CERTIFI_DIR} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endif()
