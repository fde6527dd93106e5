// A folder in the form of a Go module proxy (file:// or behind FolderServer), filled by a test, and a small HTTP server
// for such a folder that counts what it is asked.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace gofarm::testing {

class ProxyFolder {
 public:
  explicit ProxyFolder(std::string root) : root_(std::move(root)) {}
  const std::string& root() const { return root_; }

  // `files`: name inside the module to text; without a "go.mod" the proxy's .mod is the one line that proxies make up.
  void Add(const std::string& module, const std::string& version, const std::map<std::string, std::string>& files);
  // The same with a zip of the caller's making.
  void AddRaw(const std::string& module, const std::string& version, const std::string& go_mod, const std::string& zip);
  // Where @v of the module stands.
  std::string VersionFolder(const std::string& module) const;

 private:
  const std::string root_;
};

// Serves GET of files below the folder on 127.0.0.1, one connection after the other; everything else is 404.
class FolderServer {
 public:
  explicit FolderServer(std::string root);
  ~FolderServer();
  std::string url() const;
  std::map<std::string, int> counts() const;        // by path, answered with 200
  void AnswerAll(int status) { forced_ = status; }  // 0: normal again

 private:
  void Serve();
  void Answer(int client);

  const std::string root_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ends_{false};
  std::atomic<int> forced_{0};
  mutable absl::Mutex mutex_;
  std::map<std::string, int> counts_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace gofarm::testing
