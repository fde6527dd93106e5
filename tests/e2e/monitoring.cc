#include "tests/e2e/monitoring.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/url.h"
#include "common/process/spawn.h"

namespace gofarm::testing {
namespace {

constexpr absl::Duration kStartMax = absl::Minutes(1);
constexpr int64_t kFileMax = 64 << 20;
constexpr char kListens[] = "msg=\"Listening on\" address=";

process::ProcessId Spawned(std::vector<std::string> argv, const std::string& log) {
  const absl::StatusOr<process::ProcessId> started =
      process::SpawnDaemon({.argv = std::move(argv),
                            .environment = process::InheritedEnvironment(),
                            .log_file = log,
                            .death_signal = SIGKILL});
  if (!started.ok()) ADD_FAILURE() << started.status() << "; bash deploy/setup/setup.sh test installs it";
  return started.value_or(process::ProcessId{});
}

void End(const process::ProcessId& process) {
  if (process.pid == 0) return;
  process::SendSignal(process, SIGKILL);
  ::waitpid(process.pid, nullptr, 0);
}

std::string Read(const std::string& path) { return io::ReadFile(path, kFileMax).value_or(""); }

io::ScratchFolder Scratch(const std::string& name) { return *io::ScratchFolder::Make("/tmp", name); }

std::vector<std::string> PrometheusCall(const std::string& folder, const PrometheusServer::Options& options) {
  const auto quoted = [](const std::vector<std::string>& list) { return Cat("['", absl::StrJoin(list, "','"), "']"); };
  std::string config =
      "global: {scrape_interval: 1s, evaluation_interval: 1s, external_labels: {gofarm_url: 'http://farm.test'}}\n";
  if (!options.rule_files.empty()) config += Cat("rule_files: ", quoted(options.rule_files), "\n");
  if (!options.alertmanager.empty()) {
    config += Cat("alerting: {alertmanagers: [{static_configs: [{targets: ['", options.alertmanager, "']}]}]}\n");
  }
  config += Cat("scrape_configs: [{job_name: any, static_configs: [{targets: ", quoted(options.targets), "}]}]\n");
  EXPECT_TRUE(io::WriteFileAtomic(folder + "/prometheus.yml", config).ok());
  return {"prometheus", Cat("--config.file=", folder, "/prometheus.yml"), Cat("--storage.tsdb.path=", folder, "/tsdb"),
          "--web.listen-address=127.0.0.1:0"};
}

std::vector<std::string> AlertmanagerCall(const std::string& folder, const std::string& config) {
  EXPECT_TRUE(io::WriteFileAtomic(folder + "/alertmanager.yml", config).ok());
  return {"prometheus-alertmanager", Cat("--config.file=", folder, "/alertmanager.yml"),
          Cat("--storage.path=", folder, "/data"), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="};
}

}  // namespace

ListeningProgram::ListeningProgram(const std::string& folder, std::vector<std::string> argv, const std::string& listens)
    : process_(Spawned(std::move(argv), folder + "/log")) {
  for (const absl::Time end = absl::Now() + kStartMax; authority_.empty() && absl::Now() < end;) {
    const std::string log = Read(folder + "/log");
    const size_t at = log.find(listens);
    const size_t stop = at == std::string::npos ? at : log.find_first_of(" \n", at + listens.size());
    if (stop != std::string::npos) {
      authority_ = log.substr(at + listens.size(), stop - at - listens.size());
    } else {
      absl::SleepFor(absl::Milliseconds(50));
    }
  }
  EXPECT_NE(authority_, "") << Read(folder + "/log");
  // It listens before it has read what it keeps, and refuses everything until then.
  bool ready = false;
  for (const absl::Time end = absl::Now() + kStartMax; !ready && absl::Now() < end;) {
    ready = RunCommand({"curl", "-sf", "--max-time", "5", Cat("http://", authority_, "/-/ready")}).exit_code == 0;
    if (!ready) absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_TRUE(ready) << Read(folder + "/log");
}

ListeningProgram::~ListeningProgram() { End(process_); }

WebhookSink::WebhookSink() : folder_(Scratch("gofarm-sink-")) {
  process_ = Spawned(
      {"python3", Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/support/webhook_sink.py"), folder_.path() + "/posts"},
      folder_.path() + "/log");
  for (const absl::Time end = absl::Now() + kStartMax; authority_.empty() && absl::Now() < end;) {
    const std::vector<std::string> lines = Lines();
    if (!lines.empty()) authority_ = Cat("127.0.0.1:", lines[0]);
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_NE(authority_, "") << Read(folder_.path() + "/log");
}

WebhookSink::~WebhookSink() { End(process_); }

std::vector<std::string> WebhookSink::Lines() const {
  std::vector<std::string> lines = absl::StrSplit(Read(folder_.path() + "/posts"), '\n');
  lines.pop_back();  // behind the last newline
  return lines;
}

std::map<std::string, std::string> WebhookSink::Paths() const {
  std::map<std::string, std::string> out;
  const std::vector<std::string> lines = Lines();
  for (size_t i = seen_; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(lines[i], absl::MaxSplits(' ', 1));
    const Json body(parts.second);
    for (const simdjson::dom::element alert : Items(At(body.root(), "alerts"))) {
      if (Text(alert, "status") == "firing") out[Text(At(alert, "labels"), "alertname")] = parts.first;
    }
  }
  return out;
}

std::set<std::string> WebhookSink::Fired() const {
  std::set<std::string> out;
  for (const auto& [name, path] : Paths()) out.insert(name);
  return out;
}

void WebhookSink::Forget() { seen_ = std::max<size_t>(1, Lines().size()); }

Alertmanager::Alertmanager(const std::string& config)
    : folder_(Scratch("gofarm-alertmanager-")),
      program_(folder_.path(), AlertmanagerCall(folder_.path(), config), kListens) {}

PrometheusServer::PrometheusServer(const Options& options)
    : folder_(Scratch("gofarm-prometheus-")),
      program_(folder_.path(), PrometheusCall(folder_.path(), options), kListens) {}

Json PrometheusServer::Query(const std::string& expr) const {
  const CommandResult answer =
      RunCommand({"curl", "-s", "--max-time", "30", Cat(url(), "/api/v1/query?query=", io::PercentEncode(expr))});
  return Json(answer.out);
}

bool PrometheusServer::HasData(const std::string& expr) const {
  const Json answer = Query(expr);
  if (Text(answer.root(), "status") != "success") {
    ADD_FAILURE() << expr << ": " << Text(answer.root(), "error");
    return false;
  }
  return Count(At(answer.root(), "data"), "result") > 0;
}

std::set<std::string> PrometheusServer::Alerts() const {
  std::set<std::string> out;
  const Json answer = Query("ALERTS");
  for (const simdjson::dom::element series : Items(At(At(answer.root(), "data"), "result"))) {
    const simdjson::dom::element labels = At(series, "metric");
    out.insert(Cat(Text(labels, "alertname"), " ", Text(labels, "alertstate")));
  }
  return out;
}

std::string SourceFile(const std::string& path) {
  const char* const root = std::getenv("GOFARM_SOURCE_DIR");
  const std::string text = Read(Cat(root == nullptr ? "." : root, "/", path));
  EXPECT_NE(text, "") << path;
  return text;
}

std::string Hastened(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (std::string& line : lines) {
    for (const char* const key : {"for: ", "group_wait: ", "group_interval: "}) {
      const size_t at = line.find(key);
      const size_t value = at + std::string_view(key).size();
      absl::Duration time;
      if (at == std::string::npos || line.find_first_not_of(' ') != at ||
          !absl::ParseDuration(line.substr(value), &time)) {
        continue;
      }
      line = Cat(line.substr(0, value), absl::ToInt64Seconds(absl::Ceil(time / 60, absl::Seconds(1))), "s");
    }
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace gofarm::testing
