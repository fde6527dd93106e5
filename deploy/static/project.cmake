# Read after project(). CMake takes what zig links by itself (its own C library, as files of its cache) for libraries that a program in two
# languages has to name; they would be gone with the cache.
set(CMAKE_C_IMPLICIT_LINK_LIBRARIES "")
set(CMAKE_CXX_IMPLICIT_LINK_LIBRARIES "")
# libarchive builds a shared library too, whatever it is told.
set(CMAKE_FIND_LIBRARY_SUFFIXES ".a")
