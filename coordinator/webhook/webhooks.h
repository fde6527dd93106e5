// All webhooks of the farm, while this coordinator leads. Start and Stop by one thread; Faults by any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/io/http_client.h"
#include "coordinator/store/pool.h"
#include "coordinator/store/webhook_store.h"
#include "coordinator/webhook/config.h"
#include "coordinator/webhook/sender.h"

namespace gofarm::webhook {

class Webhooks {
 public:
  struct Parts {
    const Config& config;
    store::Pool& pool;
    int64_t epoch = 0;
    io::HttpAsk ask;
    WebhookMetrics& metrics;
    BatchWriter write_batch;
  };
  explicit Webhooks(const Parts& parts);
  ~Webhooks();

  void Start();
  void Stop();
  // A line for each one that takes nothing now: its kind, its host, why.
  std::vector<std::string> Faults() const;

 private:
  class StoreMessages;
  store::WebhookStore store_;
  std::vector<std::unique_ptr<StoreMessages>> messages_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::vector<std::string> names_;
};

}  // namespace gofarm::webhook
