// Debian's prometheus and prometheus-alertmanager as processes of a test, on free ports of this machine and with
// folders of their own; they end with the objects. Not thread-safe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/io/scratch_folder.h"
#include "common/process/identity.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {

// A program that says in its log where it listens.
class ListeningProgram {
 public:
  // `argv` without an address option; its log ends up in FOLDER/log. `listens` stands before the address in it.
  ListeningProgram(const std::string& folder, std::vector<std::string> argv, const std::string& listens);
  ~ListeningProgram();
  ListeningProgram(const ListeningProgram&) = delete;
  ListeningProgram& operator=(const ListeningProgram&) = delete;
  const std::string& authority() const { return authority_; }  // "127.0.0.1:PORT"

 private:
  process::ProcessId process_;
  std::string authority_;
};

// Takes notifications of Alertmanager.
class WebhookSink {
 public:
  WebhookSink();
  const std::string& authority() const { return authority_; }
  // Names of the alerts that were notified as firing since the last Forget.
  std::set<std::string> Fired() const;
  // "ALERT receiver" of the newest of each.
  std::map<std::string, std::string> Paths() const;
  void Forget();

 private:
  std::vector<std::string> Lines() const;
  const io::ScratchFolder folder_;
  size_t seen_ = 1;  // lines
  std::string authority_;
  process::ProcessId process_;

 public:
  ~WebhookSink();
  WebhookSink(const WebhookSink&) = delete;
  WebhookSink& operator=(const WebhookSink&) = delete;
};

class Alertmanager {
 public:
  explicit Alertmanager(const std::string& config);
  std::string authority() const { return program_.authority(); }

 private:
  const io::ScratchFolder folder_;
  const ListeningProgram program_;
};

class PrometheusServer {
 public:
  struct Options {
    std::vector<std::string> targets;     // HOST:PORT
    std::vector<std::string> rule_files;  // paths
    std::string alertmanager;             // HOST:PORT; empty: none
  };
  // Scrapes and evaluates once a second.
  explicit PrometheusServer(const Options& options);
  std::string url() const { return "http://" + program_.authority(); }
  // Of /api/v1/query, "data"."result"; an error is a failure of the test, and an empty answer.
  Json Query(const std::string& expr) const;
  bool HasData(const std::string& expr) const;
  // Names of the alerts that fire or are pending now.
  std::set<std::string> Alerts() const;

 private:
  const io::ScratchFolder folder_;
  const ListeningProgram program_;
};

// The text of a file of the source.
std::string SourceFile(const std::string& path);

// A folder's rules and Alertmanager's configuration as the tests use them: every `for:` and time of a group is a
// sixtieth.
std::string Hastened(const std::string& text);

}  // namespace gofarm::testing
