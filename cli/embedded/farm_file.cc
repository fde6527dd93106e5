#include "cli/embedded/farm_file.h"

#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/json_writer.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::embedded {
namespace {

constexpr int64_t kFarmFileMax = 1 << 20;

void WriteProcess(JsonWriter& json, const ProcessId& process) {
  json.Field("pid", process.pid).Field("start_time", process.start_time);
}

void WritePart(JsonWriter& json, const PartState& part) {
  json.BeginObject().Field("name", part.name);
  WriteProcess(json, part.process);
  json.Field("state", part.state).Field("restarts", part.restarts).Field("detail", part.detail).EndObject();
}

std::string TextOf(simdjson::dom::element object, std::string_view key) {
  std::string_view value;
  return object[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

int64_t NumberOf(simdjson::dom::element object, std::string_view key) {
  int64_t value = 0;
  return object[key].get(value) == simdjson::SUCCESS ? value : 0;
}

ProcessId ReadProcess(simdjson::dom::element object) {
  return {.pid = static_cast<int>(NumberOf(object, "pid")), .start_time = NumberOf(object, "start_time")};
}

PartState ReadPart(simdjson::dom::element object) {
  return {.name = TextOf(object, "name"),
          .process = ReadProcess(object),
          .state = TextOf(object, "state"),
          .restarts = static_cast<int>(NumberOf(object, "restarts")),
          .detail = TextOf(object, "detail")};
}

}  // namespace

std::vector<ProcessId> FarmFile::Processes() const {
  std::vector<ProcessId> all;
  for (const PartState& worker : workers) all.push_back(worker.process);
  all.push_back(coordinator.process);
  all.push_back(postgres.process);
  all.push_back(supervisor);
  return all;
}

std::string ToJson(const FarmFile& farm) {
  JsonWriter json;
  json.BeginObject()
      .Field("state", farm.state)
      .Field("dir", farm.dir)
      .Field("run_dir", farm.run)
      .Field("grpc_address", farm.grpc_address)
      .Field("http_url", farm.http_url)
      .Field("cache_dir", farm.cache_dir)
      .Field("started_at", farm.started_at);
  json.Key("supervisor").BeginObject();
  WriteProcess(json, farm.supervisor);
  json.EndObject();
  json.Key("postgres");
  WritePart(json, farm.postgres);
  json.Key("coordinator");
  WritePart(json, farm.coordinator);
  json.Key("workers").BeginArray();
  for (const PartState& worker : farm.workers) WritePart(json, worker);
  json.EndArray().EndObject();
  return json.Take();
}

absl::StatusOr<FarmFile> ParseFarmFile(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const simdjson::error_code error = parser.parse(text.data(), text.size()).get(root); error != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(simdjson::error_message(error));
  }
  if (!root.is_object()) return absl::InvalidArgumentError("it holds no object");
  FarmFile farm{.state = TextOf(root, "state"),
                .dir = TextOf(root, "dir"),
                .run = TextOf(root, "run_dir"),
                .grpc_address = TextOf(root, "grpc_address"),
                .http_url = TextOf(root, "http_url"),
                .cache_dir = TextOf(root, "cache_dir")};
  std::string error;
  if (const std::string started = TextOf(root, "started_at"); !started.empty()) {
    absl::ParseTime(absl::RFC3339_full, started, &farm.started_at, &error);
  }
  simdjson::dom::element part;
  if (root["supervisor"].get(part) == simdjson::SUCCESS) farm.supervisor = ReadProcess(part);
  if (root["postgres"].get(part) == simdjson::SUCCESS) farm.postgres = ReadPart(part);
  if (root["coordinator"].get(part) == simdjson::SUCCESS) farm.coordinator = ReadPart(part);
  simdjson::dom::array workers;
  if (root["workers"].get(workers) == simdjson::SUCCESS) {
    for (const simdjson::dom::element worker : workers) farm.workers.push_back(ReadPart(worker));
  }
  return farm;
}

absl::Status WriteFarmFile(const std::string& path, const FarmFile& farm) {
  return io::WriteFileAtomic(path, ToJson(farm), 0600);
}

absl::StatusOr<std::optional<FarmFile>> ReadFarmFile(const std::string& dir) {
  const std::string path = Cat(dir, "/farm.json");
  // ENOTDIR: below a file there is no farm either (HOME=/dev/null).
  if (access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  const absl::StatusOr<std::string> text = io::ReadFile(path, kFarmFileMax);
  GOFARM_RETURN_IF_ERROR(text.status());
  absl::StatusOr<FarmFile> farm = ParseFarmFile(*text);
  if (!farm.ok()) {
    return absl::InvalidArgumentError(
        Cat(path, ", where the supervisor keeps what it runs, cannot be read (", Sv(farm.status().message()),
            "); end what still runs of this farm (pgrep -af ", dir, "), remove the file, then gofarm up"));
  }
  return *std::move(farm);
}

}  // namespace gofarm::embedded
