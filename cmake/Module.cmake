# One function per need:
#   gofarm_library(NAME [GRPC] SOURCES a.cc ... DEPS target ...)   one folder = one library, sources listed by name
#   gofarm_program(NAME SOURCES main.cc DEPS ...)                  written to GOFARM_BIN_DIR
#   gofarm_test(NAME [GRPC] [LABEL unit|pg|rpc|e2e|sim] [TIMEOUT s] [NO_TSAN] SOURCES ... DEPS ...)
#                                                                one GoogleTest executable = one ctest
# GRPC: reuses the precompiled gRPC and protobuf headers, which are most of our compile time.

file(WRITE ${CMAKE_BINARY_DIR}/pch.cc "")
add_library(gofarm_pch_grpc STATIC ${CMAKE_BINARY_DIR}/pch.cc)
target_compile_features(gofarm_pch_grpc PUBLIC cxx_std_20)
target_link_libraries(gofarm_pch_grpc PRIVATE gofarm_warnings)
add_dependencies(gofarm_pch_grpc gofarm_proto)
target_include_directories(gofarm_pch_grpc SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/gen)
target_link_libraries(gofarm_pch_grpc PRIVATE protobuf::libprotobuf gRPC::grpc++)
target_precompile_headers(gofarm_pch_grpc PRIVATE
  <string> <vector> <memory> <functional> <optional> <thread> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/synchronization/mutex.h> <absl/time/time.h> <grpcpp/grpcpp.h>
  <gofarm/v1/farm.grpc.pb.h> <gofarm/v1/worker.grpc.pb.h>)

# Tests that also run under address and undefined-behaviour sanitizers: pure code and unit tests, none that needs a database,
# a sandbox or a network.
add_custom_target(sanitizer_tests)
# Under the thread sanitizer also those with a database and with gRPC, whose threads are what it is for.
add_custom_target(thread_sanitizer_tests)

function(gofarm_common_settings name)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE gofarm_warnings)
endfunction()

function(gofarm_use_pch name)
  target_link_libraries(${name} PRIVATE gofarm_proto protobuf::libprotobuf gRPC::grpc++)
  target_precompile_headers(${name} REUSE_FROM gofarm_pch_grpc)
endfunction()

function(gofarm_library name)
  cmake_parse_arguments(arg "GRPC" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  gofarm_common_settings(${name})
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  if(arg_GRPC)
    gofarm_use_pch(${name})
  endif()
endfunction()

function(gofarm_program name)
  cmake_parse_arguments(arg "GRPC" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  gofarm_common_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${GOFARM_BIN_DIR})
  if(arg_GRPC)
    gofarm_use_pch(${name})
  endif()
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
  if(arg_GRPC)
    gofarm_use_pch(${name})
  endif()
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
