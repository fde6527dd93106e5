// Files that publishing makes, kept in the blob store by their digest. Thread-safe; blocks.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/domain/publishing.h"

namespace gofarm::publish {

// Stores the bytes, which may be there already, and fills in the attachment's digests and size.
absl::Status StoreFile(blob::BlobStore& blobs, std::string_view bytes, domain::Attachment& attachment);

}  // namespace gofarm::publish
