#include "cli/embedded/farm_file.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/json/fields.h"

// Beside its type: json::Fields are found by argument-dependent look-up.
namespace gofarm::process {

template <typename Form, json::Is<ProcessId> P>
void Fields(Form& form, P& p) {
  form.Field("pid", p.pid);
  form.Field("start_time", p.start_time);
}

}  // namespace gofarm::process

namespace gofarm::embedded {
namespace {

constexpr int64_t kFarmFileMax = 1 << 20;

}  // namespace

template <typename Form, json::Is<PartState> P>
void Fields(Form& form, P& p) {
  form.Field("name", p.name);
  Fields(form, p.process);
  form.Field("state", p.state);
  form.Field("restarts", p.restarts);
  form.Field("detail", p.detail);
}

template <typename Form, json::Is<FarmFile> F>
void Fields(Form& form, F& f) {
  form.Field("state", f.state);
  form.Field("dir", f.dir);
  form.Field("run_dir", f.run);
  form.Field("grpc_address", f.grpc_address);
  form.Field("http_url", f.http_url);
  form.Field("cache_dir", f.cache_dir);
  form.Field("started_at", f.started_at);
  form.Field("supervisor", f.supervisor);
  form.Field("postgres", f.postgres);
  form.Field("coordinator", f.coordinator);
  form.Field("workers", f.workers);
}

std::vector<process::ProcessId> FarmFile::Processes() const {
  std::vector<process::ProcessId> all;
  for (const PartState& worker : workers) all.push_back(worker.process);
  all.push_back(coordinator.process);
  all.push_back(postgres.process);
  all.push_back(supervisor);
  return all;
}

std::string ToJson(const FarmFile& farm) { return json::Write(farm); }

absl::StatusOr<FarmFile> ParseFarmFile(std::string_view text) {
  FarmFile farm;
  GOFARM_RETURN_IF_ERROR(json::Read(text, json::Rule::kLenient, farm));
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
