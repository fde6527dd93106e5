// What a publisher works on, without a database: an outbox in memory, and builds with real files in a real blob store.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/io/scratch_folder.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/publish/keys.h"
#include "coordinator/publish/outbox.h"
#include "coordinator/publish/release_files.h"

namespace gofarm::testing {

// Settles as the statements of coordinator/sql do. Thread-safe.
class MemoryOutbox final : public publish::Outbox {
 public:
  absl::StatusOr<std::vector<domain::Publication>> Due(const Scope& scope, std::string_view destination,
                                                       int limit) override;
  absl::StatusOr<bool> Settle(const Scope& scope, const store::Settled& settled) override;
  absl::StatusOr<std::vector<domain::Publication>> OfProgram(const Scope& scope, std::string_view destination,
                                                             const domain::Release& program,
                                                             std::string_view version) override;
  absl::StatusOr<std::vector<domain::Attachment>> AttachmentsOf(const Scope& scope, AttemptToken token) override;
  absl::StatusOr<domain::Attachment> Keep(const Scope& scope, AttemptToken token,
                                          const domain::Attachment& attachment) override;
  absl::StatusOr<bool> HasTwin(const Scope& scope, std::string_view module) override;
  absl::StatusOr<std::string> WhyWithdrawn(const Scope& scope, std::string_view module,
                                           std::string_view version) override;

  domain::PublicationId Order(const domain::Release& release, const std::string& destination);
  void Withdraw(std::string_view module, std::string_view version, Target target);  // of this target only
  void Retract(std::string_view version, bool retracted);                           // by its author, or no longer
  void Fail(absl::Status status);  // what every call returns from now on
  void StartAgain();               // all rows as they were ordered
  void MakeDue();                  // all waits are over
  std::vector<domain::Publication> rows() const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<domain::Publication> rows_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, absl::Duration> waits_ ABSL_GUARDED_BY(mutex_);
  std::map<AttemptToken, std::vector<domain::Attachment>> attachments_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

inline constexpr char kWithdrawnReason[] = "the author's wish";

class PublishFarm {
 public:
  PublishFarm();

  struct Program {
    std::string module, version, import_path, name;
    Target target = Target::kX86_64;
    std::string bytes = "";  // of the executable; empty: some that no other has
  };
  // One build of one program with all files that an attempt leaves.
  domain::Release Build(const Program& program);

  MemoryOutbox& outbox() { return outbox_; }
  publish::FileSources sources() { return {.outbox = outbox_, .blobs = *blobs_, .logs = *logs_}; }
  blob::BlobStore& blobs() { return *blobs_; }
  const std::shared_ptr<const publish::Keys>& keys() const { return keys_; }
  std::string At(std::string_view name) const;

 private:
  domain::Attachment Store(AttemptToken token, const Program& program, const std::string& name, const std::string& kind,
                           std::string_view bytes);

  const io::ScratchFolder folder_;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<blob::LogStore> logs_;
  std::shared_ptr<const publish::Keys> keys_;
  MemoryOutbox outbox_;
  int64_t builds_ = 0;
};

}  // namespace gofarm::testing
