// The coordinator's gRPC server: our services, reflection, standard health, on the listeners of listeners.h. Handlers
// run on bounded pools; a full pool answers RESOURCE_EXHAUSTED "coordinator is busy". Every call has a deadline, the
// client's or a default. Start and Stop once, from one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/goproxy/settings.h"
#include "common/vocab/peer.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/rpc/authorization.h"
#include "coordinator/rpc/byte_budget.h"
#include "coordinator/rpc/call_metrics.h"
#include "coordinator/rpc/listeners.h"
#include "coordinator/rpc/session_streams.h"
#include "coordinator/service/archive_service.h"
#include "coordinator/service/attempt_fence.h"
#include "coordinator/service/attempt_service.h"
#include "coordinator/service/audit_log.h"
#include "coordinator/service/batch_feed.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/farm_view.h"
#include "coordinator/service/identity_service.h"
#include "coordinator/service/log_service.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"
#include "coordinator/service/worker_reports.h"
#include "coordinator/service/worker_service.h"

namespace gofarm::catalog {
class Catalog;
}

namespace gofarm::publish {
class PublishService;
}

namespace gofarm::rpc {

// A log and an upload or completion for every slot of the largest worker, and some.
inline constexpr int kStreamsPerConnection = 2 * dispatch::kSlotsMax + 64;
inline constexpr int kQuotaBytes = 512 << 20;  // of all of gRPC's buffers
inline constexpr int kQuotaThreads = 64;
inline constexpr absl::Duration kCallMax = absl::Minutes(2);      // unary calls and short lists without a deadline
inline constexpr absl::Duration kLongListMax = absl::Minutes(5);  // jobs or artifacts: hundreds of thousands may come
inline constexpr absl::Duration kTransferMax = absl::Hours(1);    // one upload or download without a deadline
inline constexpr absl::Duration kHelloMax = absl::Seconds(10);    // from the stream's start to Hello
inline constexpr absl::Duration kSessionIdleMax = absl::Seconds(90);  // three leases without a heartbeat
// Messages a worker may leave unread: an offer and a cancel for every slot of the largest worker, and some.
inline constexpr size_t kSessionQueueMax = 2 * dispatch::kSlotsMax + 64;
// What a session may say: progress of every slot of the largest worker each second. Beyond it is read later.
inline constexpr int kSessionMessagesPerSecond = dispatch::kSlotsMax;
inline constexpr int kSessionBurst = 4 * dispatch::kSlotsMax;
inline constexpr absl::Duration kPaceGrain = absl::Milliseconds(20);  // shorter waits are not worth a timer
inline constexpr int kFollowersMax = 128;          // watches and followed logs at once: a thread each
inline constexpr int kListsMax = 32;               // lists at once: likewise
inline constexpr int kWorkerListsMax = 16;         // likewise; of their own, since `gofarm up` waits for them
inline constexpr int kTransfersMax = 64;           // logs and downloads at once: likewise
inline constexpr int kArchiveStreamsMax = 48;      // archives of toolchains at once: likewise; hosts beyond ask again
inline constexpr int kArchiveStreamsOfOneMax = 4;  // of one worker: as many as it installs at once
inline constexpr size_t kArchivePieceBytes = 256 << 10;  // two of them of each stream are in memory
inline constexpr int kTopicSearchesMax = 4;              // of code hosts, which take hours: likewise
inline constexpr int kSubmissionsMax = 16;               // submissions at once
inline constexpr size_t kSubmissionBytesMax = 64 << 20;  // of one, as it is held: 200,000 modules of 300 bytes each
inline constexpr absl::Duration kSubmitReadMax = absl::Minutes(2);  // for a client to send all of its submission
inline constexpr absl::Duration kStopGrace = absl::Seconds(5);

struct FarmFacts {
  std::string version;
  std::string database_version;
  std::string toolset;
  absl::Time started_at;
  int pid = 0;
};

struct ServerParts {
  service::BatchService& batches;
  service::QueryService& queries;
  const service::FarmView& farm;
  service::WorkerService& workers;
  service::BatchFeeds& feeds;
  service::AttemptService& attempts;
  service::DispatchLoop& dispatch;
  service::ProgressBoard& board;
  service::LogService& logs;
  blob::BlobStore& blobs;
  SessionStreams& sessions;
  service::AttemptFence& fence;
  service::WorkerReports& reports;
  catalog::Catalog* catalog = nullptr;          // null: this coordinator has none
  service::ArchiveService* archives = nullptr;  // null: likewise
  goproxy::Settings go;                         // for workers that have none
  FarmFacts facts;
  CallMetrics* metrics = nullptr;  // null: nothing is counted
  // Asked for every call of both services.
  std::function<absl::Status(std::string_view method, const PeerIdentity&)> authorize =
      [](std::string_view method, const PeerIdentity& peer) { return Allow(method, peer, {}); };
  // Null: no listener reaches beyond this machine.
  service::IdentityService* identities = nullptr;
  // That the connection from this peer is an identity's (Acceptor::Vouch).
  std::function<absl::Status(const std::string& peer, const PeerIdentity&)> vouch =
      [](const std::string&, const PeerIdentity&) { return absl::OkStatus(); };
  service::AuditLog* audit = nullptr;             // null: nothing is recorded
  publish::PublishService* publishing = nullptr;  // null: this coordinator has none
  absl::Duration submit_read_max = kSubmitReadMax;
  size_t bytes_in_flight_max = kBytesInFlightMax;
};

// Removes a socket that nobody listens on any more, left by a process that was killed: it is in the way of the next
// one. UNAVAILABLE: somebody does; FAILED_PRECONDITION: it is something else.
absl::Status FreeSocket(const std::string& path);

class Server {
 public:
  // UNAVAILABLE when the address cannot be bound. `parts` must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ListenOptions listen, ServerParts parts);
  ~Server();  // Stop

  // The address that this machine dials, with the port that was bound.
  const std::string& address() const;
  // For other hosts; empty: none.
  const std::string& tls_address() const;
  // Takes no more calls, closes sessions and followers, gives running calls kStopGrace, joins.
  void Stop();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gofarm::rpc
