// The allocator's habits. glibc keeps what was freed for threads that may want it again; a daemon whose messages are
// small for days and large for a minute gives it back. Thread-safe.
#pragma once

namespace gofarm::process {

// Few arenas, and large blocks of their own. A daemon calls it before it starts threads.
void TuneHeap();

// Gives free pages back to the system; takes some milliseconds a gigabyte.
void TrimHeap();

}  // namespace gofarm::process
