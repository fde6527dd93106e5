#include "coordinator/publish/index_publisher.h"

#include <algorithm>
#include <optional>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/obs/log.h"
#include "common/publish/generation.h"
#include "common/publish/key_list.h"
#include "common/sync/wait.h"
#include "coordinator/publish/attacher.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/names.h"

namespace gofarm::publish {
namespace {

std::optional<bool> ReproducedOf(const domain::Release& release) {
  if (release.differed > 0) return false;
  if (release.reproduced > 0) return true;
  return std::nullopt;
}

RecordInput ProgramOf(const domain::Release& release, std::string_view public_url) {
  const domain::ReleaseFacts& facts = release.facts;
  RecordInput program{.module = release.module,
                      .version = release.version,
                      .import_path = release.import_path,
                      .name = facts.program,
                      .target = release.target,
                      .sha256 = release.sha256,
                      .blake3 = release.blake3,
                      .size = release.size,
                      .download_url = BlobUrl(public_url, release.sha256),
                      .built_at = release.built_at,
                      .description = facts.description,
                      .homepage = facts.repository.empty() ? "" : Cat("https://", facts.repository),
                      .licences = facts.licences,
                      .topics = facts.topics,
                      .stars = facts.stars,
                      .deprecated = facts.deprecated,
                      .deprecated_note = facts.deprecated_note,
                      .job_id = Cat(release.job.value)};
  program.log_url = LogUrl(public_url, release.token);
  // Signed once more when it was built again: with what came of that.
  const AttemptToken says = release.rebuild ? release.rebuild : release.token;
  program.provenance_url = FileUrl(public_url, says, Cat(facts.program, kProvenanceEnd));
  program.recipe_url = program.provenance_url;
  program.reproduced = ReproducedOf(release);
  return program;
}

std::string KeysJson(const std::vector<domain::PublishKey>& keys, const std::string& builder) {
  KeyList list{.builder = builder};
  for (const domain::PublishKey& key : keys) {
    ListedKey& listed = list.keys.emplace_back();
    listed = {.kind = key.kind, .public_key = key.public_key, .since = key.since};
    if (key.until != absl::InfiniteFuture()) listed.until = key.until;
  }
  return json::Write(list);
}

}  // namespace

IndexPublisher::IndexPublisher(IndexPublisherParts parts)
    : parts_(std::move(parts)), folder_(parts_.folder), index_({.publisher = parts_.publisher}) {}

IndexPublisher::~IndexPublisher() { Stop(); }

void IndexPublisher::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void IndexPublisher::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

int64_t IndexPublisher::Programs() const {
  const absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(programs_.size());
}

void IndexPublisher::Run(const std::stop_token& stop) {
  absl::Duration wait = absl::ZeroDuration();
  while (sync::SleepFor(stop, wait)) {
    const absl::StatusOr<bool> wrote = RunOnce(Scope::For(kIndexCallMax, stop));
    if (!wrote.ok() && !stop.stop_requested()) {
      obs::Error("index_not_written", {{"error", std::string(wrote.status().message())}});
    }
    wait = !wrote.ok() ? kIndexRetry : *wrote ? kIndexEvery : kIndexLook;
  }
}

absl::Status IndexPublisher::ReadAll(const Scope& scope) {
  programs_.clear();
  for (domain::PublicationId after;;) {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Publication> page, parts_.orders.Shown(scope, after));
    if (page.empty()) break;
    after = page.back().id;
    for (const domain::Publication& p : page) {
      const domain::Release& r = p.release;
      const Identity identity(r.module, Cat(r.import_path, "@", r.version, " ", TargetName(r.target)));
      programs_[identity] = ProgramOf(r, parts_.public_url);
      changed_.insert(identity);
    }
  }
  read_ = true;
  return absl::OkStatus();
}

void IndexPublisher::SettleNames() {
  std::vector<ModuleProgram> programs;
  std::vector<std::string> modules;
  for (const auto& [identity, program] : programs_) {
    programs.push_back({program.module, program.name});
    if (modules.empty() || modules.back() != program.module) modules.push_back(program.module);
  }
  const absl::flat_hash_set<std::string> twins = FindTwins(modules);
  const std::vector<std::string> families = SettleFamilies(programs);
  size_t i = 0;
  for (auto& [identity, program] : programs_) {
    const std::string& family = families[i++];
    const bool twin = twins.contains(program.module);
    if (program.family == family && program.twin == twin) continue;
    program.family = family;
    program.twin = twin;
    changed_.insert(identity);
  }
}

// A record that cannot be made stays out, and says so: it must not keep the others from being shown.
absl::Status IndexPublisher::Apply() {
  for (const auto& [identity, program] : removed_) {
    index_.Remove(program.module, program.version, program.import_path, program.target);
  }
  removed_.clear();
  for (const Identity& identity : changed_) {
    const auto found = programs_.find(identity);
    if (found == programs_.end()) continue;
    const absl::Status put = index_.Put(found->second);
    if (absl::IsInvalidArgument(put) || absl::IsAlreadyExists(put)) {
      obs::Warn("not_in_the_index", {{"module", identity.first}, {"error", std::string(put.message())}});
      continue;
    }
    GOFARM_RETURN_IF_ERROR(put);
  }
  changed_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<IndexFile>> IndexPublisher::Files(const Scope& scope) {
  GOFARM_ASSIGN_OR_RETURN(std::vector<IndexFile> files, index_.Render());
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::PublishKey> keys, parts_.orders.Keys(scope));
  auto bytes = std::make_shared<const std::string>(KeysJson(keys, parts_.builder_id));
  std::string sha256 = digest::Sha256Hex(*bytes);
  files.push_back({.name = kKeyListFile, .bytes = std::move(bytes), .sha256 = std::move(sha256)});
  std::sort(files.begin(), files.end(), [](const IndexFile& a, const IndexFile& b) { return a.name < b.name; });
  return files;
}

absl::StatusOr<bool> IndexPublisher::RunOnce(const Scope& scope) {
  const absl::MutexLock lock(&mutex_);
  if (!read_) GOFARM_RETURN_IF_ERROR(ReadAll(scope));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Publication> due, parts_.orders.Due(scope, kIndexOrdersMax));
  const int wanted = wanted_;
  if (due.empty() && wanted == written_for_) return false;
  std::vector<std::pair<domain::PublicationId, int>> shown;
  for (const domain::Publication& p : due) {
    const domain::Release& r = p.release;
    const Identity identity(r.module, Cat(r.import_path, "@", r.version, " ", TargetName(r.target)));
    if (p.withdraw) {
      const auto found = programs_.find(identity);
      if (found != programs_.end()) {
        removed_[identity] = std::move(found->second);
        programs_.erase(found);
      }
    } else {
      RecordInput& program = programs_[identity];
      const std::string family = program.family;
      const bool twin = program.twin;
      program = ProgramOf(r, parts_.public_url);
      program.family = family;
      program.twin = twin;
      changed_.insert(identity);
      removed_.erase(identity);
    }
    shown.emplace_back(p.id, p.change);
  }
  SettleNames();
  GOFARM_RETURN_IF_ERROR(Apply());
  GOFARM_ASSIGN_OR_RETURN(const std::vector<IndexFile> files, Files(scope));
  GOFARM_ASSIGN_OR_RETURN(const int64_t number, parts_.orders.NextGeneration(scope, folder_.CurrentNumber()));
  const std::shared_ptr<const Keys> keys = parts_.keys();
  GOFARM_RETURN_IF_ERROR(folder_.Write(
      files, {.number = number, .time = parts_.wall_now()}, [&keys](std::string_view bytes, std::string_view comment) {
        return keys->minisign().Sign(bytes, comment, "signature of the index of a gofarm");
      }));
  GOFARM_RETURN_IF_ERROR(parts_.orders.Settle(scope, shown));
  written_for_ = wanted;
  obs::Info("index_written",
            {{"generation", Cat(number)}, {"programs", Cat(programs_.size())}, {"orders", Cat(due.size())}});
  // The state that a start writes holds nobody up.
  return !due.empty();
}

}  // namespace gofarm::publish
