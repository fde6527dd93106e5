#include "coordinator/publish/stored_file.h"

#include <memory>

#include "common/base/status_macros.h"
#include "common/digest/digest.h"

namespace gofarm::publish {

absl::Status StoreFile(blob::BlobStore& blobs, std::string_view bytes, domain::Attachment& attachment) {
  attachment.sha256 = digest::Sha256Hex(bytes);
  attachment.blake3 = digest::Blake3Hex(bytes);
  attachment.size = static_cast<int64_t>(bytes.size());
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<blob::Upload> upload,
                          blobs.BeginUpload(attachment.sha256, attachment.size));
  if (upload == nullptr) return absl::OkStatus();
  // What a killed coordinator left of it.
  GOFARM_RETURN_IF_ERROR(upload->Append(bytes.substr(static_cast<size_t>(upload->offset()))));
  return upload->Finish();
}

}  // namespace gofarm::publish
