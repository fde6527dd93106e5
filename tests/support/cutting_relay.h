// Stands in front of an HTTP server at a port that stays: what is behind may change, and all connections are cut after
// a number of requests, as a process that is killed cuts its own. Requests are told by their first bytes, so clients
// must not send the next one before they got an answer.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gofarm::testing {

class CuttingRelay {
 public:
  CuttingRelay();
  ~CuttingRelay();

  std::string url() const;
  void SetTarget(const std::string& url);  // "http://127.0.0.1:PORT"
  // From now on `requests` more pass; -1: all. The first one that does not is never seen by the target.
  void CutAfter(int requests);
  int requests() const { return requests_; }  // that passed since CutAfter

 private:
  void Accept();
  void Pass(int client);
  bool Takes(const char* bytes, size_t size);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> target_{0};
  std::atomic<int> left_{-1};
  std::atomic<int> requests_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::thread> threads_;  // with mutex_
  std::thread accepting_;
};

}  // namespace gofarm::testing
