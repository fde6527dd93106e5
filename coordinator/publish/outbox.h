// What is to be done at one destination and what came of it, between the database and the publishers of registries and
// folders. A destination has one loop, on the coordinator that leads: it reads what is due, gives it to a Carrier one
// program at a time, several programs at once, and settles each row. A killed loop settles nothing: the same work is
// due again, and a carrier does what is done already without a trace.
//
// Decisions stand apart, as pure functions: AfterFailure, ByProgram. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/oci/failure.h"
#include "coordinator/store/publish_store.h"

namespace gofarm::publish {

inline constexpr absl::Duration kOutboxLook = absl::Seconds(1);         // between two looks for orders
inline constexpr absl::Duration kOutboxRest = absl::Seconds(10);        // after what is no row's fault
inline constexpr absl::Duration kOutboxRestMax = absl::Minutes(5);      // after what all rows would meet
inline constexpr absl::Duration kOutboxVersionMax = absl::Minutes(30);  // of one version: a slow line's 150 MB
inline constexpr int kOutboxRowsMax = 200;                              // read at once
inline constexpr absl::Duration kTryFirst = absl::Seconds(10);  // between two tries of one row, doubled each time
inline constexpr absl::Duration kTryLongest = absl::Hours(1);
inline constexpr int kTriesMax = 20;         // about twelve hours; then a row is parked
inline constexpr int kMismatchTriesMax = 5;  // other bytes than were sent: damage on the way, or a broken store
inline constexpr size_t kFailureDetailMax = 1'000;

// By the database. Errors of these say nothing about the destination.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual absl::StatusOr<std::vector<domain::Publication>> Due(const Scope& scope, std::string_view destination,
                                                               int limit) = 0;
  // False: the order is another one by now.
  virtual absl::StatusOr<bool> Settle(const Scope& scope, const store::Settled& settled) = 0;
  // As PublishStore::OfProgram, bounded.
  virtual absl::StatusOr<std::vector<domain::Publication>> OfProgram(const Scope& scope, std::string_view destination,
                                                                     const domain::Release& program,
                                                                     std::string_view version) = 0;
  virtual absl::StatusOr<std::vector<domain::Attachment>> AttachmentsOf(const Scope& scope, AttemptToken token) = 0;
  virtual absl::StatusOr<domain::Attachment> Keep(const Scope& scope, AttemptToken token,
                                                  const domain::Attachment& attachment) = 0;
  virtual absl::StatusOr<bool> HasTwin(const Scope& scope, std::string_view module) = 0;
  virtual absl::StatusOr<std::string> WhyWithdrawn(const Scope& scope, std::string_view module,
                                                   std::string_view version) = 0;
};

std::unique_ptr<Outbox> MakeStoreOutbox(store::PublishStore& store);

// Rows of one version of one program.
struct ProgramWork {
  std::vector<domain::Publication> due;
  std::vector<domain::Publication> all;  // at this destination, those of `due` among them
};

struct Carried {
  std::string digest;  // of the manifest that stands there; of a withdrawn one: of what was taken away
  std::string detail;  // for people; empty: nothing to say
};

class Carrier {
 public:
  virtual ~Carrier() = default;
  // One result for each row of `work.due`, in their order; failures carry their class (oci/failure.h). An error of the
  // whole call is this farm's own, and settles nothing.
  virtual absl::StatusOr<std::vector<absl::StatusOr<Carried>>> Carry(const Scope& scope, const ProgramWork& work) = 0;
  // Whether a published row stands there as it was published. NOT_FOUND: something of it is missing; DATA_LOSS: it is
  // another one; others: it could not be told.
  virtual absl::Status Check(const Scope& scope, const domain::Publication& row) = 0;
  // What is to be kept up to date besides; once a round.
  virtual absl::Status Refresh(const Scope& /*scope*/) { return absl::OkStatus(); }
};

// ---- decisions ----------------------------------------------------------------------------------------------------

// What becomes of a row whose try failed: to be tried again, after a wait that grows and is no shorter than what the
// registry asked for; or parked, at once when no repeat would help, else after a bounded number of tries. `random` in
// [0, 1).
store::Settled AfterFailure(const domain::Publication& row, const absl::Status& why, double random);
store::Settled AfterSuccess(const domain::Publication& row, const Carried& carried);

// Whether the next program would meet the same: the registry is away, asks for a pause, or knows us no more.
bool ConcernsAll(oci::FailureClass why);

// Rows of one program, older versions first; then other programs, in the order that they were given.
std::vector<std::vector<domain::Publication>> ByProgram(std::vector<domain::Publication> due);

// ---- the loop -----------------------------------------------------------------------------------------------------

struct DestinationParts {
  std::string name;
  Outbox& outbox;
  std::unique_ptr<Carrier> carrier;
  int parallel = 1;  // programs at once
  std::function<double()> random;
  absl::Duration version_time = kOutboxVersionMax;
};

class DestinationLoop {
 public:
  explicit DestinationLoop(DestinationParts parts) : parts_(std::move(parts)) {}
  ~DestinationLoop() { Stop(); }

  void Start();
  void Stop();

  struct Round {
    int settled = 0;
    absl::Duration rest = absl::ZeroDuration();  // before the next one
  };
  const std::string& name() const { return parts_.name; }
  // As the carrier's; of any thread.
  absl::Status Check(const Scope& scope, const domain::Publication& row) { return parts_.carrier->Check(scope, row); }

  // What is due now, without a thread of its own. An error is the database's.
  absl::StatusOr<Round> RunOnce(const Scope& scope);

 private:
  class Shared;
  void Run(const std::stop_token& stop);
  void Carry(const Scope& scope, const std::vector<domain::Publication>& program, Shared& shared);

  const DestinationParts parts_;
  std::jthread thread_;
};

}  // namespace gofarm::publish
