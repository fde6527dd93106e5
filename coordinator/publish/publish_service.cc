#include "coordinator/publish/publish_service.h"

#include <algorithm>
#include <optional>
#include <random>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "coordinator/oci/client.h"
#include "coordinator/oci/credentials.h"
#include "coordinator/publish/folder_publisher.h"
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

PublishService::PublishService(PublishServiceParts parts)
    : parts_(std::move(parts)),
      public_url_(parts_.config.public_url.empty() ? parts_.public_url : parts_.config.public_url),
      store_(parts_.pool) {}

PublishService::~PublishService() { Stop(); }

absl::Status PublishService::OpenKeys(const Scope& scope) {
  const Config& config = parts_.config;
  const std::string folder = config.keys_dir.empty() ? Cat(parts_.data_dir, "/keys") : config.keys_dir;
  absl::StatusOr<std::shared_ptr<const Keys>> keys = config.make_keys ? Keys::LoadOrMake(folder) : Keys::Load(folder);
  if (absl::IsNotFound(keys.status())) {
    why_off_ = absl::FailedPreconditionError(
        Cat("nothing is published: there are no keys in ", folder,
            "; make them with `gofarm keys create --dir DIR` and put the same files on every coordinator"));
    return absl::OkStatus();
  }
  if (!keys.ok()) return Annotate(keys.status(), "keys for publishing");
  keys_ = *std::move(keys);
  GOFARM_RETURN_IF_ERROR(store_.SetKey(scope, kProvenanceKind, keys_->provenance_public()));
  return store_.SetKey(scope, kMinisignKind, keys_->minisign().public_key().Line());
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
  GOFARM_ASSIGN_OR_RETURN(const std::string builder_id, service->BuilderId(scope));
  service->detector_ = std::make_unique<licences::Detector>(licences::Corpus::Spdx());
  service->attacher_ = std::make_unique<Attacher>(
      AttacherParts{.keys = service->keys_,
                    .blobs = service->parts_.blobs,
                    .facts_of = [&store = service->store_](const Scope& each,
                                                           AttemptToken token) { return store.FactsOf(each, token); },
                    .detector = *service->detector_,
                    .licences = config.licences,
                    .toolsets = service->parts_.toolsets,
                    .publisher = config.publisher,
                    .builder_id = builder_id,
                    .farm_version = service->parts_.farm_version,
                    .public_url = service->public_url_,
                    .destinations = service->destinations_,
                    .rules = config.rules});
  // A bounded number at once; the rest at the next start.
  GOFARM_RETURN_IF_ERROR(service->store_.Enroll(scope, service->destinations_).status());
  service->orders_ = std::make_unique<StoreOrders>(service->store_);
  service->index_ = std::make_unique<IndexPublisher>(IndexPublisherParts{.orders = *service->orders_,
                                                                         .keys = service->keys_,
                                                                         .folder = service->IndexRoot(),
                                                                         .public_url = service->public_url_,
                                                                         .publisher = config.publisher,
                                                                         .builder_id = builder_id});
  return service;
}

absl::Status PublishService::OpenRegistry(const RegistryConfig& config) {
  GOFARM_ASSIGN_OR_RETURN(oci::Destination destination, oci::ParseDestination(config.url));
  const std::string name = oci::Print(destination);
  // Two ways to write one address; two loops would push against each other.
  if (std::find(destinations_.begin(), destinations_.end(), name) != destinations_.end()) return absl::OkStatus();
  std::optional<oci::Credentials> credentials;
  if (!config.credentials_file.empty()) {
    GOFARM_ASSIGN_OR_RETURN(credentials, oci::ReadCredentials(config.credentials_file, destination));
  }
  GOFARM_ASSIGN_OR_RETURN(
      std::unique_ptr<oci::RegistryClient> client,
      oci::RegistryClient::Make(destination.registry, {.user_agent = Cat("gofarm/", parts_.farm_version),
                                                       .credentials = std::move(credentials),
                                                       .requests_per_minute = Configured(config.requests_per_minute),
                                                       .parallel_uploads = Configured(config.parallel_uploads)}));
  const int parallel = config.parallel_uploads > 0 ? config.parallel_uploads : kProgramsAtOnceDefault;
  loops_.push_back(std::make_unique<DestinationLoop>(
      DestinationParts{.name = name,
                       .outbox = *outbox_,
                       .carrier = std::make_unique<RegistryPublisher>(
                           RegistryParts{.destination = std::move(destination),
                                         .client = std::move(client),
                                         .sources = {.outbox = *outbox_, .blobs = parts_.blobs, .logs = parts_.logs},
                                         .keys = keys_,
                                         .publisher = parts_.config.publisher,
                                         .images = config.images,
                                         .scratch = parts_.data_dir + kScratchFolder}),
                       .parallel = parallel,
                       .random = Random}));
  destinations_.push_back(name);
  return absl::OkStatus();
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
  if (index_ != nullptr) index_->Start();
  for (const std::unique_ptr<DestinationLoop>& loop : loops_) loop->Start();
}

void PublishService::Stop() {
  for (const std::unique_ptr<DestinationLoop>& loop : loops_) loop->Stop();
  if (index_ != nullptr) index_->Stop();
}

std::string PublishService::IndexFolder() const { return index_ == nullptr ? "" : index_->CurrentFolder(); }

absl::StatusOr<domain::Publishing> PublishService::Attach(const Scope& scope,
                                                          const domain::CompletedAttempt& attempt) const {
  if (attacher_ == nullptr) return domain::Publishing();
  absl::StatusOr<domain::Publishing> made = attacher_->Attach(scope, attempt);
  // An attempt that is gone is answered by whoever records its end.
  if (absl::IsNotFound(made.status())) return domain::Publishing();
  return made;
}

absl::StatusOr<std::shared_ptr<const Keys>> PublishService::CurrentKeys() const {
  if (keys_ == nullptr) return why_off_;
  return keys_;
}

}  // namespace gofarm::publish
