# One function per need:
#   gofarm_library(NAME [GRPC] SOURCES a.cc ... DEPS target ...)   one folder = one library, sources listed by name
#   gofarm_program(NAME SOURCES main.cc DEPS ...)                  written to GOFARM_BIN_DIR
#   gofarm_test(NAME [GRPC] [LABEL unit|pg|rpc|e2e|sim] [TIMEOUT s] [NO_TSAN] SOURCES ... DEPS ...)
#                                                                one GoogleTest executable = one ctest
# Every target reuses one of three sets of precompiled headers, since parsing headers is most of our compile time: the
# standard library and Abseil; the same with GoogleTest; the same with gRPC and protobuf (GRPC). A source names what it
# uses all the same: the clang build has no precompiled headers but gRPC's, and would miss them.

option(GOFARM_PCH "precompile the headers of the standard library, Abseil and GoogleTest" ON)
set(gofarm_base_headers
  <algorithm> <atomic> <cstdint> <deque> <functional> <map> <memory> <optional> <set> <stop_token> <string> <string_view>
  <thread> <utility> <variant> <vector> <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/strings/str_join.h> <absl/strings/str_split.h> <absl/synchronization/mutex.h> <absl/time/clock.h> <absl/time/time.h>)

file(WRITE ${CMAKE_BINARY_DIR}/pch.cc "")
function(gofarm_pch name)
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/pch.cc)
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_link_libraries(${name} PRIVATE gofarm_warnings absl::flat_hash_map absl::statusor absl::strings absl::synchronization absl::time)
  target_precompile_headers(${name} PRIVATE ${gofarm_base_headers} ${ARGN})
  if(GOFARM_CCACHE)
    set_target_properties(${name} PROPERTIES CXX_COMPILER_LAUNCHER
                          "sh;${CMAKE_SOURCE_DIR}/cmake/pch_launcher.sh;${CMAKE_CXX_COMPILER_LAUNCHER}")
  endif()
endfunction()
if(GOFARM_PCH)
  gofarm_pch(gofarm_pch_base)
  if(GOFARM_TESTS)
    gofarm_pch(gofarm_pch_test <gmock/gmock.h> <gtest/gtest.h>)
    target_link_libraries(gofarm_pch_test PRIVATE GTest::gmock)
  endif()
endif()
gofarm_pch(gofarm_pch_grpc <grpcpp/grpcpp.h> <gofarm/v1/farm.grpc.pb.h> <gofarm/v1/worker.grpc.pb.h>)
add_dependencies(gofarm_pch_grpc gofarm_proto)
target_include_directories(gofarm_pch_grpc SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/gen)
target_link_libraries(gofarm_pch_grpc PRIVATE protobuf::libprotobuf gRPC::grpc++)

# Tests that also run under address and undefined-behaviour sanitizers: pure code and unit tests, none that needs a database,
# a sandbox or a network.
add_custom_target(sanitizer_tests)
# Under the thread sanitizer also those with a database and with gRPC, whose threads are what it is for.
add_custom_target(thread_sanitizer_tests)

function(gofarm_common_settings name)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE gofarm_warnings)
endfunction()

# `kind`: base or test. `grpc`: gRPC's headers instead.
function(gofarm_use_pch name kind grpc)
  if(grpc)
    target_link_libraries(${name} PRIVATE gofarm_proto protobuf::libprotobuf gRPC::grpc++)
    # Its own headers name gRPC's, so who includes those finds them too, wherever they are installed.
    target_include_directories(${name} SYSTEM PUBLIC $<TARGET_PROPERTY:gRPC::grpc++,INTERFACE_INCLUDE_DIRECTORIES>)
    target_precompile_headers(${name} REUSE_FROM gofarm_pch_grpc)
  elseif(GOFARM_PCH)
    target_precompile_headers(${name} REUSE_FROM gofarm_pch_${kind})
  endif()
endfunction()

# For what the simulation steps through a million times: sanitizers are built without optimization, and would make minutes
# of it. Precompiled headers know one level of optimization only.
function(gofarm_optimize_sanitized)
  if(GOFARM_SANITIZE)
    foreach(name ${ARGN})
      target_compile_options(${name} PRIVATE -O1)
      set_target_properties(${name} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
    endforeach()
  endif()
endfunction()

function(gofarm_library name)
  cmake_parse_arguments(arg "GRPC" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  gofarm_common_settings(${name})
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  gofarm_use_pch(${name} base ${arg_GRPC})
endfunction()

function(gofarm_program name)
  cmake_parse_arguments(arg "GRPC" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  gofarm_common_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${GOFARM_BIN_DIR})
  gofarm_use_pch(${name} base ${arg_GRPC})
endfunction()

function(gofarm_test name)
  cmake_parse_arguments(arg "GRPC;NO_TSAN" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  add_executable(${name} ${arg_SOURCES})
  gofarm_common_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  gofarm_use_pch(${name} test ${arg_GRPC})
  add_test(NAME ${name} COMMAND ${name})
  set(environment "GOFARM_BIN_DIR=${GOFARM_BIN_DIR}" "GOFARM_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  # In every build, so that tests/run.sh can ask the release build which tests there will be.
  if(arg_LABEL MATCHES "^(unit|sim|rpc|pg)$" AND NOT arg_NO_TSAN)
    list(APPEND arg_LABEL threads)
    if(GOFARM_SANITIZE STREQUAL "thread")
      add_dependencies(thread_sanitizer_tests ${name})
      math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")
      list(APPEND environment "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan/suppressions.txt:second_deadlock_stack=1")
      # A race shows only when the threads really meet, which short tests do not always make them.
      if(arg_LABEL MATCHES "^unit")
        list(APPEND environment "GTEST_REPEAT=3")
      endif()
    endif()
  endif()
  if(arg_LABEL MATCHES "^(unit|sim)")
    add_dependencies(sanitizer_tests ${name})
    list(APPEND arg_LABEL sanitize)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${environment}")
endfunction()
