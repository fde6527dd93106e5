#include "coordinator/webhook/webhooks.h"

#include <random>
#include <utility>

#include "common/base/text.h"

namespace gofarm::webhook {
namespace {

double Random() {
  static thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

class Webhooks::StoreMessages final : public Messages {
 public:
  StoreMessages(store::WebhookStore& store, int64_t epoch, const Destination& destination)
      : store_(store), epoch_(epoch), id_(destination.Id()), kind_(KindName(destination.kind)) {}

  absl::Status Register(const Scope& scope) override { return store_.Register(scope, epoch_, id_, kind_); }
  absl::StatusOr<int> TakeUp(const Scope& scope) override { return store_.TakeUp(scope, epoch_, id_); }
  absl::StatusOr<std::vector<domain::WebhookMessage>> Open(const Scope& scope) override {
    return store_.Open(scope, id_);
  }
  absl::StatusOr<std::vector<domain::BatchNews>> News(const Scope& scope,
                                                      const std::vector<BatchId>& batches) override {
    return store_.News(scope, batches);
  }
  absl::Status AddJobs(const Scope& scope, domain::BatchNews& news) override { return store_.AddJobs(scope, news); }
  absl::StatusOr<bool> Told(const Scope& scope, const domain::WebhookTold& told) override {
    return store_.Told(scope, id_, told);
  }

 private:
  store::WebhookStore& store_;
  const int64_t epoch_;
  const std::string id_;
  const std::string kind_;
};

Webhooks::Webhooks(const Parts& parts) : store_(parts.pool) {
  for (const Destination& destination : parts.config.destinations) {
    messages_.push_back(std::make_unique<StoreMessages>(store_, parts.epoch, destination));
    senders_.push_back(std::make_unique<Sender>(SenderParts{.destination = destination,
                                                            .messages = *messages_.back(),
                                                            .ask = parts.ask,
                                                            .metrics = parts.metrics,
                                                            .write_batch = parts.write_batch,
                                                            .random = Random}));
    names_.push_back(Cat("the ", KindName(destination.kind), " webhook at ", destination.Shown()));
  }
}

Webhooks::~Webhooks() { Stop(); }

void Webhooks::Start() {
  for (const std::unique_ptr<Sender>& sender : senders_) sender->Start();
}

void Webhooks::Stop() {
  for (const std::unique_ptr<Sender>& sender : senders_) sender->Stop();
}

std::vector<std::string> Webhooks::Faults() const {
  std::vector<std::string> lines;
  for (size_t i = 0; i < senders_.size(); ++i) {
    const Sender::State state = senders_[i]->state();
    if (state.fault.empty()) continue;
    lines.push_back(Cat(names_[i], state.parked ? " is parked: " : " takes nothing now: ", state.fault));
  }
  return lines;
}

}  // namespace gofarm::webhook
