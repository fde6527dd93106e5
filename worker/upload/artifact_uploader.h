// Sends a file to the coordinator's blob store under its SHA-256. A digest that is stored already costs one message; an
// upload that broke off goes on where it stopped. Thread-safe: no state; blocks its caller.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "worker/upload/uplink.h"

namespace gofarm::upload {

inline constexpr size_t kBlobChunkBytes = 512 << 10;

struct Blob {
  std::string path;
  std::string sha256;
  int64_t size = 0;
};

// Bytes of this blob that the coordinator has, as far as known.
using UploadProgress = std::function<void(int64_t bytes_done)>;
// What went wrong before another try.
using UploadTrouble = std::function<void(const absl::Status& failure)>;

// Tries again with backoff until the scope ends. FAILED_PRECONDITION: the token is stale. DATA_LOSS: the file is not
// what its digest says (seen here or by the coordinator, twice). INVALID_ARGUMENT: the coordinator refuses such a blob.
absl::Status UploadBlob(const Scope& scope, const Uplink& uplink, AttemptToken token, const Blob& blob,
                        const UploadProgress& progress = {}, const UploadTrouble& trouble = {});

}  // namespace gofarm::upload
