// What a farm publishes, as seen by a command. Failures as of FarmClient, whose connection and patience it uses and
// which must outlive it. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/install/source.h"

namespace gofarm::v1 {
class AttachmentPage;
class ListPublicationsRequest;
class PublicationPage;
class PublishKeys;
class PublishStatus;
class RebuildReply;
class RebuildRequest;
class RotateKeyRequest;
class RotatedKey;
class WithdrawalPage;
}  // namespace gofarm::v1

namespace gofarm::cli {

// The index that a farm publishes, and by which keys: for clients of indexes (FarmIndexCall).
absl::StatusOr<install::FarmTells> TellIndex(FarmClient& farm);

class PublishClient {
 public:
  explicit PublishClient(FarmClient& farm) : farm_(farm) {}

  absl::Status GetKeys(v1::PublishKeys& keys);
  absl::Status GetStatus(v1::PublishStatus& status);
  absl::Status ListPublications(const v1::ListPublicationsRequest& request, v1::PublicationPage& all);
  // Of no ids: all that failed or are parked. How many will be done again.
  // Of a row of a registry or folder: OK, DATA_LOSS: it does not stand there as it was published, or what the farm
  // said.
  absl::Status Check(int64_t id);
  absl::StatusOr<int64_t> Retry(const std::vector<int64_t>& ids, bool replace);
  absl::Status Pause(const std::string& destination, const std::string& reason);
  absl::Status Resume(const std::string& destination);
  // How many releases it takes away.
  absl::StatusOr<int64_t> Withdraw(const std::string& module, const std::string& version, const std::string& reason);
  absl::Status ListWithdrawals(v1::WithdrawalPage& all);
  // A repetition joins what is under way.
  absl::Status Rebuild(const v1::RebuildRequest& request, v1::RebuildReply& reply);
  absl::Status ListAttachments(int64_t batch, v1::AttachmentPage& all);
  // One try: a repetition would rotate again.
  absl::Status RotateKey(const v1::RotateKeyRequest& request, v1::RotatedKey& rotated);

 private:
  FarmClient& farm_;
};

}  // namespace gofarm::cli
