add_library(gofarm_warnings INTERFACE)
target_compile_options(gofarm_warnings INTERFACE -Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers)
# Errors with the compilers that every change is tried with. Newer ones (and newer libraries, which call things deprecated)
# say more; that must not keep anybody from building.
set(werror OFF)
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13) OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
  set(werror ON)
endif()
option(GOFARM_WERROR "warnings are errors" ${werror})
if(GOFARM_WERROR)
  target_compile_options(gofarm_warnings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Errors with every version: this is what clang is asked for.
  target_compile_options(gofarm_warnings INTERFACE -Wthread-safety -Werror=thread-safety)
else()
  # GCC 12 sees uses of moved-from or uninitialised members inside std::variant and std::optional that do not exist.
  target_compile_options(gofarm_warnings INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()
