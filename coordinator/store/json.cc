#include "coordinator/store/json.h"

#include <simdjson.h>

#include "common/base/json_writer.h"
#include "common/vocab/target.h"

namespace gofarm::store {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

void StringArray(JsonWriter& json, std::string_view key, const std::vector<std::string>& values) {
  json.Key(key).BeginArray();
  for (const std::string& value : values) json.String(value);
  json.EndArray();
}

std::string Str(const element& object, const char* key) {
  std::string_view value;
  return object[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}
int64_t Int(const element& object, const char* key) {
  int64_t value = 0;
  return object[key].get(value) == simdjson::SUCCESS ? value : 0;
}
double Double(const element& object, const char* key) {
  double value = 0;
  return object[key].get(value) == simdjson::SUCCESS ? value : 0;
}
bool Bool(const element& object, const char* key) {
  bool value = false;
  return object[key].get(value) == simdjson::SUCCESS && value;
}
// Calls `each` for every element of the array under `key`, if there is one.
template <typename Each>
void ForEach(const element& object, const char* key, Each each) {
  array values;
  if (object[key].get(values) != simdjson::SUCCESS) return;
  for (const element value : values) each(value);
}
std::vector<std::string> Strings(const element& object, const char* key) {
  std::vector<std::string> out;
  ForEach(object, key, [&](const element& value) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) out.emplace_back(text);
  });
  return out;
}
std::vector<Target> Targets(const element& object, const char* key) {
  std::vector<Target> out;
  ForEach(object, key, [&](const element& value) {
    std::string_view name;
    if (value.get(name) != simdjson::SUCCESS) return;
    if (const std::optional<Target> target = ParseTarget(name)) out.push_back(*target);
  });
  return out;
}

// Runs `use` on the parsed document; text that is no JSON (the database holds none) leaves the defaults.
template <typename Use>
void WithDocument(std::string_view text, Use use) {
  thread_local simdjson::dom::parser parser;
  element document;
  if (parser.parse(text.data(), text.size()).get(document) == simdjson::SUCCESS) use(document);
}
template <typename Use>
void WithArray(std::string_view text, Use use) {
  WithDocument(text, [&](const element& document) {
    array values;
    if (document.get(values) != simdjson::SUCCESS) return;
    for (const element value : values) use(value);
  });
}

}  // namespace

std::string LabelsJson(const std::map<std::string, std::string>& labels) {
  JsonWriter json;
  json.BeginObject();
  for (const auto& [key, value] : labels) json.Field(key, value);
  json.EndObject();
  return json.Take();
}

std::string VariantsJson(const std::vector<domain::VariantTry>& variants) {
  JsonWriter json;
  json.BeginArray();
  for (const domain::VariantTry& v : variants) {
    json.BeginObject();
    json.Field("variant", v.variant).Field("outcome", v.outcome).Field("fingerprint", v.fingerprint);
    json.Field("seconds", v.seconds);
    StringArray(json, "argv", v.argv);
    StringArray(json, "environment", v.environment);
    json.Field("go_mod", v.go_mod).Field("working_directory", v.working_directory);
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::vector<domain::VariantTry> VariantsFromJson(std::string_view text) {
  std::vector<domain::VariantTry> out;
  WithArray(text, [&](const element& v) {
    out.push_back({.variant = Str(v, "variant"),
                   .outcome = Str(v, "outcome"),
                   .fingerprint = Str(v, "fingerprint"),
                   .seconds = Double(v, "seconds"),
                   .argv = Strings(v, "argv"),
                   .environment = Strings(v, "environment"),
                   .go_mod = Str(v, "go_mod"),
                   .working_directory = Str(v, "working_directory")});
  });
  return out;
}

std::string PhasesJson(const std::vector<domain::PhaseTime>& phases) {
  JsonWriter json;
  json.BeginArray();
  for (const domain::PhaseTime& p : phases) {
    json.BeginObject().Field("phase", static_cast<int>(p.phase)).Field("seconds", p.seconds).EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::vector<domain::PhaseTime> PhasesFromJson(std::string_view text) {
  std::vector<domain::PhaseTime> out;
  WithArray(text, [&](const element& p) {
    out.push_back({.phase = static_cast<Phase>(Int(p, "phase")), .seconds = Double(p, "seconds")});
  });
  return out;
}

std::string FactsJson(const domain::AttemptFacts& f) {
  JsonWriter json;
  json.BeginObject();
  json.Field("go_version", f.go_version).Field("zig_version", f.zig_version);
  json.Field("go_sha256", f.go_sha256).Field("zig_sha256", f.zig_sha256);
  json.Field("sandbox_layout", f.sandbox_layout).Field("worker_build", f.worker_build);
  json.Field("log_sha256", f.log_sha256).Field("module_h1", f.module_h1);
  json.Field("bytes_fetched", f.bytes_fetched).Field("dependency_count", f.dependency_count);
  json.Field("licences_sha256", f.licences_sha256).Field("licences_size", f.licences_size);
  json.Field("used_shared_cache", f.used_shared_cache).Field("log_bytes", f.log_bytes);
  json.EndObject();
  return json.Take();
}

domain::AttemptFacts FactsFromJson(std::string_view text) {
  domain::AttemptFacts f;
  WithDocument(text, [&](const element& o) {
    f = {.go_version = Str(o, "go_version"),
         .zig_version = Str(o, "zig_version"),
         .go_sha256 = Str(o, "go_sha256"),
         .zig_sha256 = Str(o, "zig_sha256"),
         .sandbox_layout = static_cast<int>(Int(o, "sandbox_layout")),
         .worker_build = Str(o, "worker_build"),
         .log_sha256 = Str(o, "log_sha256"),
         .module_h1 = Str(o, "module_h1"),
         .bytes_fetched = Int(o, "bytes_fetched"),
         .dependency_count = static_cast<int>(Int(o, "dependency_count")),
         .licences_sha256 = Str(o, "licences_sha256"),
         .licences_size = Int(o, "licences_size"),
         .used_shared_cache = Bool(o, "used_shared_cache"),
         .log_bytes = Int(o, "log_bytes")};
  });
  return f;
}

std::string ExecutablesJson(const std::vector<domain::Executable>& executables) {
  JsonWriter json;
  json.BeginArray();
  for (const domain::Executable& e : executables) {
    json.BeginObject();
    json.Field("import_path", e.import_path).Field("name", e.name).Field("size", e.size);
    json.Field("sha256", e.sha256).Field("blake3", e.blake3).Field("main_version", e.main_version);
    json.Field("go_version", e.go_version).Field("build_info", e.build_info).Field("variant", e.variant);
    json.Key("dependencies").BeginArray();
    for (const domain::Dependency& d : e.dependencies) {
      json.BeginObject().Field("path", d.path).Field("version", d.version).Field("h1", d.h1);
      if (!d.replace_path.empty()) {
        json.Field("replace_path", d.replace_path).Field("replace_version", d.replace_version);
      }
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string HelloJson(const domain::SessionRequest& hello) {
  JsonWriter json;
  json.BeginObject();
  json.Field("instance", hello.instance).Field("host_arch", hello.host_arch);
  json.Field("build_version", hello.build_version).Field("pid", hello.pid).Field("slots", hello.slots);
  json.Field("memory_bytes", hello.memory_bytes).Field("isolation_error", hello.isolation_error);
  json.Key("targets").BeginArray();
  for (const Target target : hello.targets) json.String(TargetName(target));
  json.EndArray();
  json.EndObject();
  return json.Take();
}

void HelloFromJson(std::string_view text, domain::WorkerInfo& worker) {
  WithDocument(text, [&](const element& o) {
    worker.host_arch = Str(o, "host_arch");
    worker.build_version = Str(o, "build_version");
    worker.isolation_error = Str(o, "isolation_error");
    worker.pid = static_cast<int>(Int(o, "pid"));
    worker.slots = static_cast<int>(Int(o, "slots"));
    worker.memory_bytes = Int(o, "memory_bytes");
    worker.targets = Targets(o, "targets");
  });
}

std::string ReportJson(const domain::WorkerReport& report) {
  JsonWriter json;
  json.BeginObject();
  json.Key("toolchains").BeginArray();
  for (const domain::InstalledToolchain& t : report.toolchains) {
    json.BeginObject()
        .Field("kind", t.kind)
        .Field("version", t.version)
        .Field("path", t.path)
        .Field("sha256", t.sha256);
    json.EndObject();
  }
  json.EndArray();
  json.Key("readiness").BeginArray();
  for (const domain::TargetReadiness& r : report.readiness) {
    json.BeginObject().Field("target", TargetName(r.target)).Field("state", r.state).Field("detail", r.detail);
    json.Field("seconds", r.seconds).Field("toolset", r.toolset).EndObject();
  }
  json.EndArray();
  json.Field("cache_bytes", report.cache_bytes).Field("disk_free_bytes", report.disk_free_bytes);
  json.EndObject();
  return json.Take();
}

domain::WorkerReport ReportFromJson(std::string_view text) {
  domain::WorkerReport report;
  WithDocument(text, [&](const element& o) {
    ForEach(o, "toolchains", [&](const element& t) {
      report.toolchains.push_back(
          {.kind = Str(t, "kind"), .version = Str(t, "version"), .path = Str(t, "path"), .sha256 = Str(t, "sha256")});
    });
    ForEach(o, "readiness", [&](const element& r) {
      const std::optional<Target> target = ParseTarget(Str(r, "target"));
      if (!target) return;
      report.readiness.push_back({.target = *target,
                                  .state = Str(r, "state"),
                                  .detail = Str(r, "detail"),
                                  .seconds = Double(r, "seconds"),
                                  .toolset = Str(r, "toolset")});
    });
    report.cache_bytes = Int(o, "cache_bytes");
    report.disk_free_bytes = Int(o, "disk_free_bytes");
  });
  return report;
}

}  // namespace gofarm::store
