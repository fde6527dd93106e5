#include "tests/support/publish_farm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/attest/checksums.h"
#include "common/attest/dsse.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/record.h"
#include "tests/unit/attest/example.h"

namespace gofarm::testing {

using domain::Publication;
using domain::PublicationState;

absl::StatusOr<std::vector<Publication>> MemoryOutbox::Due(const Scope& scope, std::string_view destination,
                                                           int limit) {
  GOFARM_RETURN_IF_ERROR(scope.Check());  // as the pool of connections does
  const absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  std::vector<Publication> due;
  for (const Publication& row : rows_) {
    const bool open = row.state == PublicationState::kPending || row.state == PublicationState::kFailed;
    const auto wait = waits_.find(row.id.value);
    if (open && row.destination == destination && static_cast<int>(due.size()) < limit &&
        (wait == waits_.end() || wait->second <= absl::ZeroDuration())) {
      due.push_back(row);
    }
  }
  return due;
}

absl::StatusOr<bool> MemoryOutbox::Settle(const Scope& scope, const store::Settled& settled) {
  GOFARM_RETURN_IF_ERROR(scope.Check());  // as the pool of connections does
  const absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  for (Publication& row : rows_) {
    if (row.id != settled.id || row.change != settled.change) continue;
    const bool failed = settled.state == PublicationState::kFailed || settled.state == PublicationState::kParked;
    row.state = settled.state;
    row.failure_class = settled.failure_class;
    row.detail = settled.detail;
    row.digest = settled.digest;
    row.tries = failed ? row.tries + 1 : 0;
    waits_[row.id.value] = settled.wait;
    return true;
  }
  return false;
}

absl::StatusOr<std::vector<Publication>> MemoryOutbox::OfProgram(const Scope& scope, std::string_view destination,
                                                                 const domain::Release& program,
                                                                 std::string_view version) {
  GOFARM_RETURN_IF_ERROR(scope.Check());  // as the pool of connections does
  const absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  std::vector<Publication> found;
  for (const Publication& row : rows_) {
    if (row.destination == destination && row.release.module == program.module &&
        row.release.import_path == program.import_path && (version.empty() || row.release.version == version)) {
      found.push_back(row);
    }
  }
  return found;
}

absl::StatusOr<std::vector<domain::Attachment>> MemoryOutbox::AttachmentsOf(const Scope& scope, AttemptToken token) {
  GOFARM_RETURN_IF_ERROR(scope.Check());  // as the pool of connections does
  const absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  return attachments_[token];
}

absl::StatusOr<domain::Attachment> MemoryOutbox::Keep(const Scope& scope, AttemptToken token,
                                                      const domain::Attachment& attachment) {
  GOFARM_RETURN_IF_ERROR(scope.Check());  // as the pool of connections does
  const absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  for (const domain::Attachment& each : attachments_[token]) {
    if (each.name == attachment.name) return each;
  }
  attachments_[token].push_back(attachment);
  return attachment;
}

absl::StatusOr<bool> MemoryOutbox::HasTwin(const Scope& scope, std::string_view module) {
  GOFARM_RETURN_IF_ERROR(scope.Check());  // as the pool of connections does
  const absl::MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  return std::any_of(rows_.begin(), rows_.end(), [&](const Publication& row) {
    return row.release.module != module &&
           absl::AsciiStrToLower(row.release.module) == absl::AsciiStrToLower(Av(module));
  });
}

absl::StatusOr<std::string> MemoryOutbox::WhyWithdrawn(const Scope& scope, std::string_view /*module*/,
                                                       std::string_view /*version*/) {
  GOFARM_RETURN_IF_ERROR(scope.Check());
  return std::string(kWithdrawnReason);
}

domain::PublicationId MemoryOutbox::Order(const domain::Release& release, const std::string& destination) {
  const absl::MutexLock lock(&mutex_);
  const domain::PublicationId id{static_cast<int64_t>(rows_.size()) + 1};
  rows_.push_back({.id = id, .release = release, .destination = destination});
  return id;
}

void MemoryOutbox::Withdraw(std::string_view module, std::string_view version, Target target) {
  const absl::MutexLock lock(&mutex_);
  for (Publication& row : rows_) {
    if (row.release.module != module || row.release.version != version || row.release.target != target) continue;
    row.withdraw = true;
    row.state = PublicationState::kPending;
    row.tries = 0;
    ++row.change;
    waits_.erase(row.id.value);
  }
}

void MemoryOutbox::Retract(std::string_view version, bool retracted) {
  const absl::MutexLock lock(&mutex_);
  for (Publication& row : rows_) {
    if (row.release.version != version) continue;
    row.release.retracted = retracted;
    if (row.withdraw || row.state != PublicationState::kPublished) continue;
    row.state = PublicationState::kPending;
    ++row.change;
  }
}

void MemoryOutbox::Fail(absl::Status status) {
  const absl::MutexLock lock(&mutex_);
  failure_ = std::move(status);
}

void MemoryOutbox::StartAgain() {
  const absl::MutexLock lock(&mutex_);
  for (Publication& row : rows_) {
    row.state = PublicationState::kPending;
    row.withdraw = false;
    row.tries = 0;
    row.digest.clear();
    ++row.change;
  }
  waits_.clear();
}

void MemoryOutbox::MakeDue() {
  const absl::MutexLock lock(&mutex_);
  waits_.clear();
}

std::vector<Publication> MemoryOutbox::rows() const {
  const absl::MutexLock lock(&mutex_);
  return rows_;
}

PublishFarm::PublishFarm() : folder_(*io::ScratchFolder::Make("/tmp", "publish-farm-")) {
  blobs_ = *blob::OpenFolderBlobStore(folder_.path());
  logs_ = *blob::OpenFolderLogStore(folder_.path(), 64 << 20);
  keys_ = *publish::Keys::LoadOrMake(At("keys"));
}

std::string PublishFarm::At(std::string_view name) const { return Cat(folder_.path(), "/", name); }

domain::Attachment PublishFarm::Store(AttemptToken token, const Program& program, const std::string& name,
                                      const std::string& kind, std::string_view bytes) {
  domain::Attachment attachment{.name = name,
                                .import_path = program.import_path,
                                .kind = kind,
                                .size = static_cast<int64_t>(bytes.size()),
                                .sha256 = digest::Sha256Hex(bytes),
                                .blake3 = digest::Blake3Hex(bytes)};
  const auto upload = blobs_->BeginUpload(attachment.sha256, attachment.size);
  EXPECT_TRUE(upload.ok()) << upload.status();
  if (*upload != nullptr) {
    EXPECT_TRUE((*upload)->Append(bytes).ok());
    EXPECT_TRUE((*upload)->Finish().ok());
  }
  EXPECT_TRUE(outbox_.Keep({}, token, attachment).ok());
  return attachment;
}

domain::Release PublishFarm::Build(const Program& program) {
  const AttemptToken token{++builds_};
  const std::string what = Cat(program.import_path, "@", program.version, " ", TargetName(program.target));
  domain::Release release{.id = domain::ReleaseId{builds_},
                          .module = program.module,
                          .version = program.version,
                          .import_path = program.import_path,
                          .target = program.target,
                          .token = token,
                          .job = JobId{builds_},
                          .go_version = "go1.26.8",
                          .built_at = absl::FromUnixSeconds(1'800'000'000 + builds_)};
  release.facts.program = program.name;
  release.facts.description = "a <b> & c";
  release.facts.repository = "github.com/fortio/logc";
  release.facts.licences = {"MIT"};
  const domain::Attachment executable =
      Store(token, program, program.name, "executable",
            program.bytes.empty() ? Cat("program ", what, std::string(2'000, 'p')) : program.bytes);
  release.size = executable.size;
  release.sha256 = executable.sha256;
  release.blake3 = executable.blake3;

  publish::RecordInput input{.module = program.module,
                             .version = program.version,
                             .import_path = program.import_path,
                             .name = program.name,
                             .target = program.target,
                             .sha256 = release.sha256,
                             .blake3 = release.blake3,
                             .size = release.size,
                             .download_url = Cat("https://farm.example.org/blobs/sha256/", release.sha256),
                             .built_at = release.built_at,
                             .description = release.facts.description,
                             .licences = {"MIT"}};
  const auto record = publish::MakeRecord(input, {.page = ""}, publish::RecordForm::kPackage);
  EXPECT_TRUE(record.ok()) << record.status();
  const auto statement = attest::ToStatement(attest::HeyProvenance());
  const auto envelope = attest::SignEnvelope(keys_->provenance(), attest::kInTotoPayloadType, *statement);
  EXPECT_TRUE(envelope.ok()) << envelope.status();
  std::vector<attest::FileSums> sums;
  const auto add = [&](const std::string& name, const std::string& kind, std::string_view bytes) {
    const domain::Attachment a = Store(token, program, name, kind, bytes);
    sums.push_back({.name = a.name, .sha256 = a.sha256, .blake3 = a.blake3});
  };
  add(Cat(program.name, publish::kRecordEnd), "record", publish::PrettyJson(*record));
  add(Cat(program.name, publish::kSbomEnd), "sbom", Cat("{\"sbom\":\"", what, "\"}"));
  add(Cat(program.name, publish::kLicencesEnd), "licences", "all texts");
  add(Cat(program.name, publish::kVersionEnd), "version", program.version);
  add(publish::kLicenceFile, "licence", "MIT");
  Store(token, program, Cat(program.name, publish::kProvenanceEnd), "provenance", attest::BundleJson(*envelope));
  Store(token, program, publish::SourceFile(program.module, program.version), publish::kSourceKind,
        Cat("sources of ", program.version));
  Store(token, program, publish::kChecksumFile, "checksums", *attest::ChecksumFile(sums));
  Store(token, program, publish::kChecksumSignatureFile, "signature", Cat("signature of ", what));
  EXPECT_TRUE(logs_->Append(token, 0, Cat("built ", what, "\n\x1b[31mred\n"), [](const auto&) {}).ok());
  return release;
}

}  // namespace gofarm::testing
