#include "cli/scrape_targets.h"

#include "common/json/writer.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {

std::string ScrapeTargets(const v1::WorkerPage& page) {
  JsonWriter json;
  json.BeginArray();
  for (const v1::WorkerRow& worker : page.workers()) {
    // One that is gone is asked in vain; the coordinator's gofarm_worker_up tells of it.
    if (worker.scrape_address().empty() || worker.state() == v1::WORKER_STATE_LOST) continue;
    json.BeginObject();
    json.Key("targets").BeginArray().String(worker.scrape_address()).EndArray();
    json.Key("labels").BeginObject();
    json.Field("worker", worker.name());
    json.Field("host_arch", worker.host_arch());
    json.EndObject();
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

}  // namespace gofarm::cli
