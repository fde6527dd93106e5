// Takes the connections of a TCP port and hands them to whoever serves them: gRPC 1.51 by itself knows no limit on
// connections and, in Debian's build, stops accepting for ever after "too many open files" once (CVE-2023-4785).
//
// A connection is a stranger's until somebody vouches for it. Strangers are limited by address and must be gone, or
// vouched for, in time; those of an identity are limited by identity, so that 500 workers behind one address are as
// welcome as 500 addresses. Connections are known by gRPC's name for their peer ("ipv4:10.0.0.7:41234").
//
// Thread-safe. Its thread only accepts, counts and shuts; it never reads from a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/io/fd.h"

namespace gofarm::rpc {

struct AcceptorLimits {
  int connections = 4'096;         // the caller keeps it well below the process's limit of descriptors
  int strangers = 1'024;           // of those, not vouched for
  int strangers_per_address = 64;  // a whole site joins in waves of this many
  int per_identity = 16;
  absl::Duration stranger_time = absl::Seconds(30);  // for handshake, join and farewell
};

struct AcceptorCounts {
  int connections = 0, strangers = 0;
  int64_t accepted = 0;
  int64_t refused = 0;      // beyond a limit
  int64_t overdue = 0;      // strangers that stayed too long
  int64_t expired = 0;      // their certificate ran out
  int64_t no_resource = 0;  // accept() failed for lack of descriptors or memory
};

class Acceptor {
 public:
  // `fd` is the receiver's.
  using HandOver = std::function<void(int fd)>;

  // Binds and listens on HOST:PORT (port 0: any that is free). UNAVAILABLE: it is taken, or no address of this machine.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(const std::string& address, AcceptorLimits limits = {});
  // Stops; connections that were handed over stay what they are.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  const std::string& address() const { return address_; }  // with the port that it got
  void Start(HandOver hand_over);
  void Stop();

  // From now on the connection is that of an identity, by its number, until that moment of the wall clock: then it is
  // ended, with the skew of clocks that is borne. RESOURCE_EXHAUSTED: that one has as many as it
  // may have. OK also for a connection that is not known here (any more).
  absl::Status Vouch(const std::string& peer, int64_t identity, absl::Time until);
  // Ends all connections of an identity at once. Returns how many.
  int Shut(int64_t identity);
  AcceptorCounts Counts() const;

 private:
  struct Connection {
    io::Fd fd;  // of the same socket as the receiver's
    std::string peer;
    std::string host;
    int64_t identity = 0;  // 0: a stranger's
    absl::Time until = absl::InfiniteFuture();
    absl::Time since;
  };

  Acceptor(io::Fd listener, io::Fd epoll, io::Fd wake, std::string address, AcceptorLimits limits);
  void Run();
  void AcceptAll() ABSL_LOCKS_EXCLUDED(mutex_);
  // False: nothing more to accept for now.
  bool AcceptOne() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasRoomFor(const std::string& host) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sweep() ABSL_LOCKS_EXCLUDED(mutex_);

  const io::Fd listener_, epoll_, wake_;
  const std::string address_;
  const AcceptorLimits limits_;
  HandOver hand_over_;
  std::thread thread_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Connection> connections_ ABSL_GUARDED_BY(mutex_);  // oldest first
  absl::flat_hash_map<std::string, uint64_t> by_peer_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int> strangers_ ABSL_GUARDED_BY(mutex_);  // by host
  absl::flat_hash_map<int64_t, int> of_identity_ ABSL_GUARDED_BY(mutex_);
  AcceptorCounts counts_ ABSL_GUARDED_BY(mutex_);
};

// gRPC's name for the other end of a connected socket; empty for one that is none.
std::string PeerName(int fd);

}  // namespace gofarm::rpc
