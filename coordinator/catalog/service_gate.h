// The one way to an outside service: every request of the catalog to the index, the module proxy, pkg.go.dev, deps.dev
// or GitHub passes the gate of that service. A gate keeps the service's request budget, tries again what may come
// right, pauses a service that fails or asks for it, refuses redirects to addresses inside, and counts. Gates are per
// service, not per host: a farm may reach several through one address. What replies mean is service_rules.h.
//
// Thread-safe. A call blocks its thread only; nothing is sent or waited for under the lock.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "common/io/request_budget.h"
#include "coordinator/catalog/service_rules.h"

namespace gofarm::catalog {

inline constexpr absl::Duration kTryTime = absl::Minutes(1);  // one request with its redirects
inline constexpr size_t kOriginsMax = 32;                     // of one service: a GOPROXY list may name several
inline constexpr int64_t kTokenBytesMax = 4096;

// "gofarm/0.1.0 (+CONTACT)": the services' operators find whom to write to. INVALID_ARGUMENT when `contact` is not
// printable ASCII. Without a contact it names the project alone.
absl::StatusOr<std::string> UserAgent(std::string_view version, std::string_view contact);

// The token in a file, without the blanks around it. INVALID_ARGUMENT when it is none; the message never shows it.
absl::StatusOr<std::string> ReadToken(const std::string& path);

struct GateOptions {
  Service service = Service::kIndex;
  std::vector<std::string> urls;           // the configured addresses of the service; they may be private
  std::vector<std::string> allow_private;  // hosts (lower case, without port) that redirects may lead to all the same
  io::BudgetLimits budget;
};

// What a caller finds in the body of an answer that HTTP calls a good one.
struct BodyFault {
  ErrorClass error = ErrorClass::kBadAnswer;
  std::string why;
  bool may_change = true;               // asking again may help
  std::optional<absl::Time> resets_at;  // of a rate limit
};
using JudgeBody = std::function<std::optional<BodyFault>(const io::HttpResponse&)>;

struct AskOptions {
  int64_t body_bytes = 16 << 20;
  absl::Duration try_time = kTryTime;
  RetryPolicy retry;
  JudgeBody judge;  // called on every answer, whatever its status
  // Called before each try: a sink forgets there what it took, so that the question can be asked again.
  std::function<void()> begin;
};

// What an operator sees of a service.
struct GateStatus {
  Service service = Service::kIndex;
  std::string host;                                // of the first configured address
  absl::Time paused_until = absl::InfinitePast();  // InfinitePast: it is not paused
  std::string reason;                              // why it is paused
  int64_t requests = 0;                            // tries
  int64_t answers = 0;
  int64_t bytes = 0;                      // of bodies that were kept, or that a sink took
  std::map<std::string, int64_t> errors;  // by class; only those that happened
};

class ServiceGate {
 public:
  // Returns false when the scope is done. For tests; without one it waits really.
  using Sleep = std::function<bool(const Scope& scope, absl::Duration duration)>;
  using Random = std::function<double()>;  // in [0, 1)

  // INVALID_ARGUMENT when an address is no URL. `http` and `clock` must outlive the gate.
  static absl::StatusOr<std::unique_ptr<ServiceGate>> Make(GateOptions options, const io::HttpClient& http,
                                                           const Clock& clock, Sleep sleep = {}, Random random = {});
  ServiceGate(const ServiceGate&) = delete;
  ServiceGate& operator=(const ServiceGate&) = delete;

  // An answer: also 304, 404, 410, 451, 403 without a rate limit, and other refusals of this one question. UNAVAILABLE:
  // no usable answer, also because the service is paused: nothing was learned, ask later. PERMISSION_DENIED: the
  // service refuses the token, or the answer leads where it must not. RESOURCE_EXHAUSTED: the body is larger than
  // allowed. CANCELLED, DEADLINE_EXCEEDED by the scope.
  absl::StatusOr<io::HttpResponse> Ask(const Scope& scope, const io::HttpRequest& request,
                                       const AskOptions& options = {});
  // The body of a 2xx answer goes to `sink`; once it took a piece, nothing is tried again, unless options.begin is set.
  absl::StatusOr<io::HttpResponse> Ask(const Scope& scope, const io::HttpRequest& request, const AskOptions& options,
                                       const io::HttpClient::BodySink& sink);

  // Waits until `time` by the gate's clock. False when the scope is done before.
  bool WaitUntil(const Scope& scope, absl::Time time);
  // The service said so in a way that its client alone understands.
  void PauseUntil(absl::Time until, std::string_view why);
  // Taken up at once, also by requests that wait.
  void SetBudget(const io::BudgetLimits& limits);

  Service service() const { return options_.service; }
  const std::string& url() const { return options_.urls.front(); }
  GateStatus Status() const;

 private:
  ServiceGate(GateOptions options, std::vector<io::Url> origins, const io::HttpClient& http, const Clock& clock,
              Sleep sleep, Random random);
  absl::Status Take(const Scope& scope);
  void Release();
  absl::Status Paused(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayBePrivate(const io::Url& url) const;
  // Counts, and says in the log when a pause begins.
  void Note(const Verdict& verdict, absl::Time now, double random, const std::string& why);
  void NoteLocked(const Verdict& verdict, absl::Time now, double random, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const GateOptions options_;
  const std::vector<io::Url> origins_;
  const io::HttpClient& http_;
  const Clock& clock_;
  const Sleep sleep_;
  const Random random_;
  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  io::RequestBudget budget_ ABSL_GUARDED_BY(mutex_);
  PauseRule pause_ ABSL_GUARDED_BY(mutex_);
  absl::Time hold_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int limits_in_a_row_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t answers_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::array<int64_t, kErrorClasses.size()> errors_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace gofarm::catalog
