// Fetches the archive of a toolchain from the coordinator, which may have to get it first. What broke off goes on where
// it stopped; a coordinator that is busy is asked again, for it serves many hosts in turn. Thread-safe: no state;
// blocks its caller.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "worker/upload/uplink.h"

namespace gofarm::upload {

struct ArchivePatience {
  absl::Duration busy = absl::Minutes(20);  // as long as the coordinator says that it serves others
  absl::Duration away = absl::Minutes(2);   // without a new byte from one that does not answer
};

// Bytes so far and in all; 0 of 0 while the coordinator gets it.
using DownloadProgress = std::function<void(int64_t bytes_done, int64_t bytes_total)>;

// Writes it to `path`; the caller compares the digest. NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED (an older
// coordinator) and the like at once: this coordinator will not have it. UNAVAILABLE: it was away or busy for too long.
// RESOURCE_EXHAUSTED: this host's disk is full. DATA_LOSS: it sends something that is no archive. CANCELLED and
// DEADLINE_EXCEEDED by the scope.
absl::Status DownloadArchive(const Scope& scope, const Uplink& uplink, const std::string& sha256,
                             const std::string& path, const DownloadProgress& progress = {},
                             const ArchivePatience& patience = {});

}  // namespace gofarm::upload
