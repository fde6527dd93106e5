// A coordinator for tests of the worker: keeps logs, blobs and completions in memory, notes every message, says what it
// is told to say. Outlives restarts of its server, like a coordinator with a database. Thread-safe.
#pragma once

#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace gofarm {

class FakeCoordinator {
 public:
  FakeCoordinator();
  ~FakeCoordinator();

  // On a unix socket; the same address after every Start.
  void Start();
  void Stop();
  const std::string& address() const { return address_; }

  // What it holds of the worker's attempts. Tokens that are not valid get FAILED_PRECONDITION, and drop in Welcome.
  void SetValid(int64_t token, bool valid);
  void FailCompletions(int count, grpc::StatusCode code);
  // Refuses sessions with this status from now on.
  void RefuseSessions(grpc::Status status);
  // Ends log streams after this many chunks, each time.
  void BreakLogsAfter(int chunks);

  void Send(const v1::CoordinatorMessage& message);
  void Offer(int64_t token, const std::function<void(v1::Offer&)>& change = {});

  // All wait at most kPatience.
  bool WaitFor(const std::function<bool()>& condition);  // looked at whenever something came in, with the lock held
  const v1::Hello* WaitForHello(size_t number);          // from 1
  bool WaitForCompletion(int64_t token, v1::CompleteRequest* request = nullptr);

  // To be read inside WaitFor's condition, or after it.
  std::vector<v1::WorkerMessage> messages;
  std::vector<v1::Hello> hellos;
  std::vector<v1::CompleteRequest> completions;
  std::map<int64_t, std::string> logs;
  std::map<std::string, std::string> blobs;
  std::map<std::string, std::string> partial_blobs;
  int blob_bytes_received = 0;
  int log_streams = 0;
  int sessions_open = 0;
  int sessions_refused = 0;
  v1::GoSettings welcome_go;
  std::string archive;                           // what FetchArchive gives, whatever is asked for
  size_t archive_piece = 4;                      // bytes at a time
  size_t break_archive_after = 0;                // bytes of a stream, each time; 0: it does not break
  std::vector<grpc::Status> archive_refusals;    // of the next calls, one each
  std::vector<int64_t> archive_offsets;          // that were asked for
  std::string welcome_secret;                    // given with every Welcome; empty: the former one holds on
  std::map<std::string, std::string> secret_of;  // by method, of its last call
  bool goodbye = false;
  bool half_closed = false;  // the last session ended by the worker, in order

 private:
  class Service;
  friend class Service;

  mutable absl::Mutex mutex_;
  std::set<int64_t> valid_;
  int completions_to_fail_ = 0;
  grpc::StatusCode completion_failure_ = grpc::StatusCode::UNAVAILABLE;
  grpc::Status session_refusal_;
  int break_logs_after_ = 0;
  grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::WorkerMessage>* session_ = nullptr;
  std::string folder_;
  std::string address_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

inline constexpr absl::Duration kPatience = absl::Seconds(60);

}  // namespace gofarm
