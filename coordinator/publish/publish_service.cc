#include "coordinator/publish/publish_service.h"

#include <algorithm>
#include <optional>
#include <random>

#include "common/attest/key_file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/oci/client.h"
#include "coordinator/oci/credentials.h"
#include "coordinator/publish/folder_publisher.h"
#include "coordinator/publish/rebuild_check.h"
#include "coordinator/publish/registry_publisher.h"

namespace gofarm::publish {
namespace {

constexpr char kMinisignKind[] = "minisign";
constexpr char kProvenanceKind[] = "provenance";
constexpr char kScratchFolder[] = "/publishing";

// Of any number of threads.
double Random() {
  static thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

// The configuration's -1.
std::optional<int> Configured(int number) { return number < 0 ? std::nullopt : std::optional<int>(number); }

}  // namespace

class PublishService::StoreOrders final : public IndexOrders {
 public:
  explicit StoreOrders(store::PublishStore& store) : store_(store) {}
  absl::StatusOr<std::vector<domain::Publication>> Shown(const Scope& scope, domain::PublicationId after) override {
    return store_.InIndex(scope, after, store::kPublicationPageMax);
  }
  absl::StatusOr<std::vector<domain::Publication>> Due(const Scope& scope, int limit) override {
    return store_.Due(scope, domain::kIndexDestination, limit);
  }
  absl::Status Settle(const Scope& scope, const std::vector<std::pair<domain::PublicationId, int>>& shown) override {
    return store_.SettleIndex(scope, shown);
  }
  absl::StatusOr<int64_t> NextGeneration(const Scope& scope, int64_t above) override {
    return store_.NextGeneration(scope, above);
  }
  absl::StatusOr<std::vector<domain::PublishKey>> Keys(const Scope& scope) override { return store_.Keys(scope); }

 private:
  store::PublishStore& store_;
};

class PublishService::StoreRebuilds final : public RebuildOrders {
 public:
  explicit StoreRebuilds(store::RebuildStore& store) : store_(store) {}
  absl::StatusOr<std::vector<domain::RebuildCandidate>> Candidates(const Scope& scope,
                                                                   const domain::RebuildFilter& filter, JobId after,
                                                                   int limit) override {
    return store_.Candidates(scope, filter, after, limit);
  }
  absl::StatusOr<std::vector<domain::RebuildCandidate>> CandidatesOf(
      const Scope& scope, const std::vector<domain::PublicationId>& ids) override {
    return store_.CandidatesOf(scope, ids);
  }
  absl::StatusOr<domain::RebuildOrder> Order(const Scope& scope, const std::vector<domain::RebuildCandidate>& jobs,
                                             const std::string& name, int priority) override {
    return store_.Order(scope, jobs, name, priority);
  }

 private:
  store::RebuildStore& store_;
};

PublishService::PublishService(PublishServiceParts parts)
    : parts_(std::move(parts)),
      public_url_(parts_.config.public_url.empty() ? parts_.public_url : parts_.config.public_url),
      store_(parts_.pool),
      rebuild_store_(parts_.pool),
      keys_dir_(parts_.config.keys_dir.empty() ? Cat(parts_.data_dir, "/keys") : parts_.config.keys_dir) {}

PublishService::~PublishService() { Stop(); }

absl::Status PublishService::OpenKeys(const Scope& scope) {
  absl::StatusOr<std::shared_ptr<const Keys>> keys =
      parts_.config.make_keys ? Keys::LoadOrMake(keys_dir_) : Keys::Load(keys_dir_);
  if (absl::IsNotFound(keys.status())) {
    why_off_ = absl::FailedPreconditionError(
        Cat("nothing is published: there are no keys in ", keys_dir_,
            "; make them with `gofarm keys create --dir DIR` and put the same files on every coordinator"));
    return absl::OkStatus();
  }
  if (!keys.ok()) return Annotate(keys.status(), "keys for publishing");
  GOFARM_RETURN_IF_ERROR(store_.SetKey(scope, kProvenanceKind, (*keys)->provenance_public()));
  GOFARM_RETURN_IF_ERROR(store_.SetKey(scope, kMinisignKind, (*keys)->minisign().public_key().Line()));
  const absl::MutexLock lock(&keys_mutex_);
  keys_ = *std::move(keys);
  return absl::OkStatus();
}

absl::StatusOr<std::string> PublishService::BuilderId(const Scope& scope) {
  if (!parts_.config.builder_id.empty()) return parts_.config.builder_id;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::PublishKey> keys, store_.Keys(scope));
  // By kind and age: the first is the oldest, which stays when keys are rotated.
  for (const domain::PublishKey& key : keys) {
    if (key.kind != kMinisignKind) continue;
    GOFARM_ASSIGN_OR_RETURN(const attest::MinisignPublicKey parsed, attest::MinisignPublicKey::Parse(key.public_key));
    return Cat("urn:x-gofarm:farm:", parsed.IdHex());
  }
  return absl::InternalError("no minisign key is stored");
}

std::unique_ptr<const Attacher> PublishService::MakeAttacher(std::shared_ptr<const Keys> keys) {
  return std::make_unique<Attacher>(
      AttacherParts{.keys = std::move(keys),
                    .blobs = parts_.blobs,
                    .detector = [this]() -> const licences::Detector& { return DetectorNow(); },
                    .licences = parts_.config.licences,
                    .toolsets = parts_.toolsets,
                    .publisher = parts_.config.publisher,
                    .builder_id = builder_id_,
                    .farm_version = parts_.farm_version,
                    .public_url = public_url_,
                    .destinations = destinations_,
                    .rules = parts_.config.rules});
}

absl::StatusOr<std::unique_ptr<PublishService>> PublishService::Open(const Scope& scope, PublishServiceParts parts) {
  std::unique_ptr<PublishService> service(new PublishService(std::move(parts)));
  GOFARM_RETURN_IF_ERROR(service->OpenKeys(scope));
  if (!service->why_off_.ok()) {
    obs::Warn("publishing_is_off", {{"why", std::string(service->why_off_.message())}});
    return service;
  }
  const Config& config = service->parts_.config;
  service->destinations_ = {std::string(domain::kIndexDestination)};
  GOFARM_RETURN_IF_ERROR(service->OpenDestinations());
  GOFARM_ASSIGN_OR_RETURN(service->builder_id_, service->BuilderId(scope));
  GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const Keys> keys, service->CurrentKeys());
  {
    const absl::MutexLock lock(&service->keys_mutex_);
    service->attacher_ = service->MakeAttacher(keys);
  }
  // Makes the destinations known. A bounded number of what stands is ordered at once; EnrollAll orders the rest.
  GOFARM_RETURN_IF_ERROR(service->store_.Enroll(scope, service->destinations_).status());
  service->orders_ = std::make_unique<StoreOrders>(service->store_);
  service->index_ = std::make_unique<IndexPublisher>(
      IndexPublisherParts{.orders = *service->orders_,
                          .keys = [this_service = service.get()] { return this_service->SigningKeys(); },
                          .folder = service->IndexRoot(),
                          .public_url = service->public_url_,
                          .publisher = config.publisher,
                          .builder_id = service->builder_id_});
  service->MakeRebuilder();
  return service;
}

void PublishService::MakeRebuilder() {
  if (parts_.elsewhere == nullptr || parts_.queued == nullptr) return;
  rebuild_orders_ = std::make_unique<StoreRebuilds>(rebuild_store_);
  rebuilder_ = std::make_unique<Rebuilder>(RebuilderParts{.orders = *rebuild_orders_,
                                                          .share = parts_.config.rebuild_share,
                                                          .toolsets = parts_.toolsets,
                                                          .policy = domain::CurrentPolicy(),
                                                          .elsewhere = parts_.elsewhere,
                                                          .queued = parts_.queued});
}

absl::StatusOr<Rebuilder*> PublishService::Rebuilds() const {
  GOFARM_RETURN_IF_ERROR(why_off_);
  if (rebuilder_ == nullptr) return absl::FailedPreconditionError("this coordinator builds nothing again");
  return rebuilder_.get();
}

const licences::Detector& PublishService::DetectorNow() const {
  std::call_once(detector_once_,
                 [this] { detector_ = std::make_unique<const licences::Detector>(licences::Corpus::Spdx()); });
  return *detector_;
}

absl::StatusOr<std::unique_ptr<Carrier>> PublishService::MakeRegistry(const RegistryConfig& config,
                                                                      const oci::Destination& destination) const {
  std::optional<oci::Credentials> credentials;
  if (!config.credentials_file.empty()) {
    absl::StatusOr<std::optional<oci::Credentials>> read = oci::ReadCredentials(config.credentials_file, destination);
    if (!read.ok()) return oci::MakeFailure({.why = oci::FailureClass::kUnauthorized}, Sv(read.status().message()));
    credentials = *std::move(read);
  }
  oci::ClientOptions options{.user_agent = Cat("gofarm/", parts_.farm_version),
                             .credentials = std::move(credentials),
                             .requests_per_minute = Configured(config.requests_per_minute),
                             .parallel_uploads = Configured(config.parallel_uploads)};
  if (parts_.metrics != nullptr) {
    options.sent = [metrics = parts_.metrics](std::optional<oci::FailureClass> failed) { metrics->AddRequest(failed); };
  }
  absl::StatusOr<std::unique_ptr<oci::RegistryClient>> client =
      oci::RegistryClient::Make(destination.registry, std::move(options));
  if (!client.ok()) return oci::MakeFailure({.why = oci::FailureClass::kLocal}, Sv(client.status().message()));
  return std::make_unique<RegistryPublisher>(
      RegistryParts{.destination = destination,
                    .client = *std::move(client),
                    .sources = {.outbox = *outbox_, .blobs = parts_.blobs, .logs = parts_.logs},
                    .keys = [this] { return SigningKeys(); },
                    .publisher = parts_.config.publisher,
                    .images = config.images,
                    .scratch = parts_.data_dir + kScratchFolder});
}

absl::Status PublishService::OpenRegistry(const RegistryConfig& config) {
  GOFARM_ASSIGN_OR_RETURN(const oci::Destination destination, oci::ParseDestination(config.url));
  const std::string name = oci::Print(destination);
  // Two ways to write one address; two loops would push against each other.
  if (std::find(destinations_.begin(), destinations_.end(), name) != destinations_.end()) return absl::OkStatus();
  auto carrier = std::make_unique<OpeningCarrier>(
      [this, &config, destination = destination] { return MakeRegistry(config, destination); });
  if (const absl::Status opened = carrier->Opened(); !opened.ok()) {
    obs::Error("destination_fails", {{"destination", name}, {"why", std::string(opened.message())}});
  }
  registries_[name] = carrier.get();
  const int parallel = config.parallel_uploads > 0 ? config.parallel_uploads : kProgramsAtOnceDefault;
  loops_.push_back(std::make_unique<DestinationLoop>(DestinationParts{
      .name = name, .outbox = *outbox_, .carrier = std::move(carrier), .parallel = parallel, .random = Random}));
  destinations_.push_back(name);
  return absl::OkStatus();
}

std::map<std::string, std::string> PublishService::Faults() const {
  std::map<std::string, std::string> faults;
  for (const auto& [name, carrier] : registries_) {
    const absl::Status opened = carrier->Opened();
    if (opened.ok()) continue;
    faults[name] = Cat(oci::FailureClassName(oci::FailureOf(opened).why), ": ",
                       EscapeAndClip(Sv(opened.message()), kFailureDetailMax));
  }
  return faults;
}

std::optional<PublishFigures> PublishService::LastFigures() { return figures_.Last(); }

absl::StatusOr<PublishFigures> PublishService::Figures(const Scope& scope) {
  PublishFigures figures;
  GOFARM_ASSIGN_OR_RETURN(std::vector<domain::PublicationCounts> counts, store_.Counts(scope));
  for (domain::PublicationCounts& one : counts) {
    const bool known = std::find(destinations_.begin(), destinations_.end(), one.destination) != destinations_.end();
    if (known) figures.destinations.push_back(std::move(one));
  }
  GOFARM_ASSIGN_OR_RETURN(figures.totals, store_.Totals(scope));
  figures.budget_left = std::max<int64_t>(parts_.queued_a_day - figures.totals.queued_today, 0);
  if (index_ != nullptr) {
    figures.generation = index_->CurrentNumber();
    figures.generation_at = index_->CurrentTime();
  }
  return figures;
}

absl::Status PublishService::OpenDestinations() {
  // What a killed coordinator left.
  const std::string scratch = parts_.data_dir + kScratchFolder;
  GOFARM_RETURN_IF_ERROR(io::RemoveTree(scratch));
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(scratch, 0700));
  outbox_ = MakeStoreOutbox(store_);
  for (const RegistryConfig& registry : parts_.config.registries) {
    GOFARM_RETURN_IF_ERROR_CTX(OpenRegistry(registry), "registry of [publish]");
  }
  for (const std::string& folder : parts_.config.folders) {
    if (std::find(destinations_.begin(), destinations_.end(), folder) != destinations_.end()) continue;
    GOFARM_RETURN_IF_ERROR(io::RemoveTree(folder + kNewFolder));
    loops_.push_back(std::make_unique<DestinationLoop>(
        DestinationParts{.name = folder,
                         .outbox = *outbox_,
                         .carrier = std::make_unique<FolderPublisher>(
                             FolderParts{.folder = folder,
                                         .sources = {.outbox = *outbox_, .blobs = parts_.blobs, .logs = parts_.logs},
                                         .index = IndexRoot() + "/current"}),
                         .parallel = 1,
                         .random = Random}));
    destinations_.push_back(folder);
  }
  return absl::OkStatus();
}

std::string PublishService::IndexRoot() const { return Cat(parts_.data_dir, "/index"); }

void PublishService::Start() {
  figures_.Start();
  if (why_off_.ok()) {
    warm_ = std::jthread([this] { DetectorNow(); });
    enrolling_ = std::jthread([this](const std::stop_token& stop) { EnrollAll(stop); });
  }
  if (index_ != nullptr) index_->Start();
  for (const std::unique_ptr<DestinationLoop>& loop : loops_) loop->Start();
  if (rebuilder_ != nullptr) rebuilder_->Start();
}

void PublishService::Stop() {
  enrolling_.request_stop();
  if (rebuilder_ != nullptr) rebuilder_->Stop();
  figures_.Stop();
  if (warm_.joinable()) warm_.join();
  if (enrolling_.joinable()) enrolling_.join();
  for (const std::unique_ptr<DestinationLoop>& loop : loops_) loop->Stop();
  if (index_ != nullptr) index_->Stop();
}

void PublishService::EnrollAll(const std::stop_token& stop) {
  int64_t ordered = 0;
  for (absl::Duration wait = absl::ZeroDuration(); sync::SleepFor(stop, wait);) {
    const absl::StatusOr<int64_t> more = store_.Enroll(Scope::For(kEnrollCallMax, stop), destinations_);
    wait = more.ok() ? absl::ZeroDuration() : kEnrollRetry;
    if (!more.ok() && !stop.stop_requested()) {
      obs::Error("not_all_ordered", {{"error", std::string(more.status().message())}});
    }
    if (!more.ok()) continue;
    if (*more == 0) break;
    ordered += *more;
  }
  if (ordered > 0) obs::Info("ordered_what_stands", {{"rows", Cat(ordered)}});
}

std::string PublishService::IndexFolder() const { return index_ == nullptr ? "" : index_->CurrentFolder(); }

absl::StatusOr<domain::Publishing> PublishService::Attach(const Scope& scope,
                                                          const domain::CompletedAttempt& attempt) const {
  const absl::ReaderMutexLock lock(&keys_mutex_);
  if (attacher_ == nullptr) return domain::Publishing();
  absl::StatusOr<domain::Publishing> made = MakeFiles(scope, attempt);
  // An attempt that is gone is answered by whoever records its end.
  if (absl::IsNotFound(made.status())) return domain::Publishing();
  return made;
}

absl::StatusOr<domain::Publishing> PublishService::MakeFiles(const Scope& scope,
                                                             const domain::CompletedAttempt& attempt) const {
  GOFARM_ASSIGN_OR_RETURN(const domain::BuildFacts facts, store_.FactsOf(scope, attempt.token));
  if (!facts.rebuild_of) return attacher_->Attach(scope, attempt, facts);
  const RebuildCheckParts parts{
      .keys = keys_,
      .blobs = parts_.blobs,
      .first_build_of = [this](const Scope& each,
                               AttemptToken token) { return rebuild_store_.FirstBuildOf(each, token); },
      .attachments_of = [this](const Scope& each,
                               AttemptToken token) -> absl::StatusOr<std::vector<domain::Attachment>> {
        GOFARM_ASSIGN_OR_RETURN(auto rows, store_.AttachmentsOf(each, {token}));
        std::vector<domain::Attachment> all;
        for (auto& row : rows) all.push_back(std::move(row.second));
        return all;
      }};
  return CheckRebuild(scope, parts, attempt, facts);
}

absl::StatusOr<std::shared_ptr<const Keys>> PublishService::CurrentKeys() const {
  const absl::ReaderMutexLock lock(&keys_mutex_);
  if (keys_ == nullptr) return why_off_;
  return keys_;
}

std::shared_ptr<const Keys> PublishService::SigningKeys() const {
  const absl::ReaderMutexLock lock(&keys_mutex_);
  return keys_;
}

std::string PublishService::IndexUrl() const {
  return index_ == nullptr || public_url_.empty() ? "" : Cat(public_url_, "/index");
}

absl::StatusOr<PublishService::Rotated> PublishService::RotateProvenance(const Scope& scope) {
  const absl::MutexLock one(&rotation_);
  GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const Keys> old, CurrentKeys());
  GOFARM_ASSIGN_OR_RETURN(std::string old_file, Keys::ReplaceProvenance(keys_dir_, *old));
  GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const Keys> keys, Keys::Load(keys_dir_));
  {
    const absl::MutexLock lock(&keys_mutex_);
    GOFARM_RETURN_IF_ERROR(store_.SetKey(scope, kProvenanceKind, keys->provenance_public()));
    keys_ = keys;
    attacher_ = MakeAttacher(keys);
  }
  index_->WriteAgain();
  obs::Info("provenance_key_rotated", {{"old_file", old_file}});
  return Rotated{.public_key = keys->provenance_public(),
                 .file = Cat(keys_dir_, "/", attest::kProvenanceKeyFile),
                 .old_file = std::move(old_file)};
}

absl::StatusOr<domain::PublishKey> PublishService::AnnounceMinisign(const Scope& scope, absl::Duration overlap) {
  if (overlap < kOverlapMin || overlap > kOverlapMax) {
    return absl::InvalidArgumentError(Cat("the overlap is ", absl::FormatDuration(overlap), ", between ",
                                          absl::FormatDuration(kOverlapMin), " and ", absl::FormatDuration(kOverlapMax),
                                          " are taken"));
  }
  const absl::MutexLock one(&rotation_);
  GOFARM_RETURN_IF_ERROR(CurrentKeys().status());
  GOFARM_ASSIGN_OR_RETURN(std::optional<domain::PublishKey> announced, store_.AnnouncedKey(scope, kMinisignKind));
  if (!announced) {
    GOFARM_ASSIGN_OR_RETURN(const std::string line, Keys::MakeNextMinisign(keys_dir_));
    GOFARM_RETURN_IF_ERROR(store_.AnnounceKey(scope, kMinisignKind, line, overlap));
    GOFARM_ASSIGN_OR_RETURN(announced, store_.AnnouncedKey(scope, kMinisignKind));
    if (!announced) return absl::AbortedError("the announced key was taken away at the same time; try again");
    obs::Info("minisign_key_announced", {{"public_key", line}, {"from", FormatUtc(announced->since)}});
  }
  index_->WriteAgain();
  return *std::move(announced);
}

std::string PublishService::NextMinisignFile() const { return Cat(keys_dir_, "/", attest::kNextMinisignKeyFile); }

absl::StatusOr<PublishService::Rotated> PublishService::FinishMinisign(const Scope& scope, bool force) {
  const absl::MutexLock one(&rotation_);
  GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const Keys> old, CurrentKeys());
  GOFARM_ASSIGN_OR_RETURN(const std::optional<domain::PublishKey> announced, store_.AnnouncedKey(scope, kMinisignKind));
  if (!announced) {
    return absl::FailedPreconditionError("no minisign key is announced; begin with `gofarm keys rotate --minisign`");
  }
  if (!force && announced->since > parts_.wall_now()) {
    return absl::FailedPreconditionError(
        Cat("the announced key is to sign from ", FormatUtc(announced->since),
            " on: whoever has not fetched the list of keys by then cannot read the index any more; wait, or use "
            "--force"));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string line, Keys::NextMinisign(keys_dir_));
  if (line != announced->public_key) {
    return absl::FailedPreconditionError(
        Cat(NextMinisignFile(), " of this coordinator is not the key that was announced, ", announced->public_key,
            "; bring it from the coordinator that led at the time"));
  }
  GOFARM_ASSIGN_OR_RETURN(std::string old_file, Keys::ReplaceMinisign(keys_dir_, *old));
  GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const Keys> keys, Keys::Load(keys_dir_));
  {
    const absl::MutexLock lock(&keys_mutex_);
    GOFARM_RETURN_IF_ERROR(store_.SetKey(scope, kMinisignKind, line));
    keys_ = keys;
    attacher_ = MakeAttacher(keys);
  }
  index_->WriteAgain();
  obs::Info("minisign_key_rotated", {{"old_file", old_file}});
  return Rotated{
      .public_key = line, .file = Cat(keys_dir_, "/", attest::kMinisignKeyFile), .old_file = std::move(old_file)};
}

absl::Status PublishService::Check(const Scope& scope, domain::PublicationId id) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Publication> page,
                          store_.Page(scope, {}, domain::PublicationId{id.value - 1}, 1));
  if (page.empty() || page.front().id != id) return absl::InvalidArgumentError(Cat("there is no row ", id.value));
  const domain::Publication& row = page.front();
  if (row.state != domain::PublicationState::kPublished) {
    return absl::InvalidArgumentError(Cat("row ", id.value, " is ", Name(row.state), ", not published"));
  }
  for (const std::unique_ptr<DestinationLoop>& loop : loops_) {
    if (loop->name() == row.destination) return loop->Check(scope, row);
  }
  return absl::InvalidArgumentError(
      Cat("row ", id.value, " is of ", EscapeForPrint(row.destination), ", which is no registry and no folder now"));
}

absl::Status PublishService::EachPublication(const Scope& scope, const domain::PublicationFilter& filter, int64_t limit,
                                             const std::function<absl::Status(const domain::Publication&)>& sink) {
  for (domain::PublicationId after; limit > 0;) {
    const int wanted = static_cast<int>(std::min<int64_t>(limit, store::kPublicationPageMax));
    GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Publication> page, store_.Page(scope, filter, after, wanted));
    for (const domain::Publication& publication : page) GOFARM_RETURN_IF_ERROR(sink(publication));
    if (static_cast<int>(page.size()) < wanted) break;
    after = page.back().id;
    limit -= wanted;
  }
  return absl::OkStatus();
}

absl::Status PublishService::EachAttachment(const Scope& scope, BatchId batch, JobId job,
                                            const std::function<absl::Status(const domain::JobAttachment&)>& sink) {
  for (store::PublishStore::AttachmentCursor after;;) {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::JobAttachment> page,
                            batch.value != 0 ? store_.AttachmentsOfBatch(scope, batch, after, store::kAttachmentPageMax)
                                             : store_.AttachmentsOfJob(scope, job, after, store::kAttachmentPageMax));
    for (const domain::JobAttachment& attachment : page) GOFARM_RETURN_IF_ERROR(sink(attachment));
    if (page.size() < store::kAttachmentPageMax) return absl::OkStatus();
    after = {.job = page.back().job, .name = page.back().file.name};
  }
}

}  // namespace gofarm::publish
