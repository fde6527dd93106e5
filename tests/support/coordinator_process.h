// The coordinator as a process of its own: its folder, its configuration, its start and its end.
#pragma once

#include <gofarm/v1/farm.pb.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/io/http_client.h"

namespace grpc {
class Channel;
}

namespace gofarm::testing {

// One of the three programs.
std::string Bin(const std::string& name);
// Its output is appended to the file `output`.
pid_t Spawn(const std::vector<std::string>& argv, const std::string& output);

class Coordinator {
 public:
  // In the folder `dir`/`name`.
  Coordinator(const std::string& dir, const std::string& name, const std::string& database);
  ~Coordinator();

  std::string socket() const;
  std::string address() const;
  std::string log() const;
  pid_t pid() const { return pid_; }  // 0: none runs
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }

  void Start();
  void Signal(int signal) const;
  // Signals and waits for the end: its exit code, or 128 + signal. One that does not end in a minute is killed, which
  // fails the test.
  int Kill(int signal);
  // As Kill gives it, when it ended by itself.
  std::optional<int> Ended();
  bool Lives() { return !Ended(); }

  v1::FarmStatus Status() const;
  bool Becomes(const std::string& state, absl::Duration within) const;
  io::HttpResponse ReadyZ() const;

 private:
  const std::string dir_;
  const int http_port_;
  std::shared_ptr<grpc::Channel> channel_;
  pid_t pid_ = 0;
};

}  // namespace gofarm::testing
