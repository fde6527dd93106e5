#include "common/process/heap.h"

#include <malloc.h>

namespace gofarm::process {
namespace {

// Each arena keeps free memory of its own.
constexpr int kArenas = 4;
// Blocks from here on go back to the system when they are freed. Without it the limit grows up to 32 MiB by itself.
constexpr int kOwnMappingBytes = 512 << 10;

}  // namespace

void TuneHeap() {
  ::mallopt(M_ARENA_MAX, kArenas);
  ::mallopt(M_MMAP_THRESHOLD, kOwnMappingBytes);
}

void TrimHeap() { ::malloc_trim(0); }

}  // namespace gofarm::process
