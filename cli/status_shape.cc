#include "cli/status_shape.h"

#include "cli/names.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {

void WriteStatus(JsonWriter& json, const StatusShape& status, const v1::WorkerPage* seeding) {
  const auto part = [&](std::string_view key, const StatusPart& shown) {
    json.Key(key)
        .BeginObject()
        .Field("pid", shown.pid)
        .Field("state", shown.state)
        .Field("restarts", shown.restarts)
        .Field("detail", shown.detail)
        .EndObject();
  };
  const auto text_or_null = [&](std::string_view key, const std::string& text) {
    json.Key(key);
    text.empty() ? json.Null() : json.String(text);
  };
  json.BeginObject()
      .Field("dir", status.dir)
      .Field("state", status.state)
      .Field("detail", status.detail)
      .Field("grpc_address", status.grpc_address);
  text_or_null("tls_address", status.tls_address);
  json.Field("http_url", status.http_url);
  text_or_null("index_url", status.index_url);
  text_or_null("publishing_off", status.publishing_off);
  json.Field("cache_dir", status.cache_dir);
  part("coordinator", status.coordinator);
  part("postgres", status.postgres);
  json.Key("workers").BeginArray();
  for (const StatusWorker& worker : status.workers) {
    json.BeginObject()
        .Field("name", worker.name)
        .Field("pid", worker.pid)
        .Field("state", worker.state)
        .Field("detail", worker.detail);
    json.Key("seeding").BeginArray();
    if (seeding != nullptr) {
      for (const v1::WorkerRow& row : seeding->workers()) {
        if (row.name() != worker.name) continue;
        for (const v1::TargetReadiness& ready : row.readiness()) {
          json.BeginObject()
              .Field("target", NameOf(ready.target()))
              .Field("state", NameOf(ready.state()))
              .Field("detail", ready.detail())
              .Field("seconds", shapes::Milliseconds(ready.seconds()))
              .EndObject();
        }
      }
    }
    json.EndArray().EndObject();
  }
  json.EndArray().EndObject();
}

}  // namespace gofarm::cli
