#include "common/process/heap.h"

#include <malloc.h>

namespace gofarm::process {
namespace {

// Each arena keeps free memory of its own.
[[maybe_unused]] constexpr int kArenas = 4;
// Blocks from here on go back to the system when they are freed. Without it the limit grows up to 32 MiB by itself.
[[maybe_unused]] constexpr int kOwnMappingBytes = 512 << 10;

}  // namespace

void TuneHeap() {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, kArenas);
  ::mallopt(M_MMAP_THRESHOLD, kOwnMappingBytes);
#endif
}

void TrimHeap() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace gofarm::process
