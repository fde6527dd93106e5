// One request to a registry, with all that holds for every one of them: authorisation, the registry's budget, a bound
// on the answer and on the time, and the rule which redirects are followed. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "coordinator/oci/authorizer.h"
#include "coordinator/oci/failure.h"

namespace gofarm::oci {

inline constexpr int64_t kAnswerBytesMax = 64 << 10;  // of what has no body of interest

struct AskOptions {
  std::string user_agent;
  std::optional<Credentials> credentials;
  int requests_per_minute = 0;                       // 0: as many as like
  absl::Duration ask_time = absl::Minutes(1);        // of a request that moves no blob
  absl::Duration low_speed_time = absl::Minutes(1);  // less than a byte a second for so long ends a transfer
  // Hears of every request, from any thread; null: it was answered well. Not called for what was not sent.
  std::function<void(std::optional<FailureClass> failed)> sent;
};

struct Call {
  io::HttpMethod method = io::HttpMethod::kGet;
  std::string url;
  io::HttpHeaders headers;
  io::BodySource* body = nullptr;
  std::vector<std::string> scopes;  // "repository:NAME:pull,push"
  int64_t answer_max = kAnswerBytesMax;
  io::HttpClient::BodySink sink;  // of a 2xx answer; null: it is kept
  bool long_transfer = false;     // ends with the caller's scope, or by low_speed_time, alone
};

class RegistryAsk {
 public:
  // Errors: INVALID_ARGUMENT.
  static absl::StatusOr<std::unique_ptr<RegistryAsk>> Make(Registry registry, AskOptions options, const Clock& clock);

  // Any answer but 401, which comes only when a second try with fresh authorisation got it again. Errors carry their
  // class (failure.h).
  absl::StatusOr<io::HttpResponse> Ask(const Scope& scope, const Call& call);
  const Registry& registry() const { return registry_; }

  // Where an upload goes on, of the Location header of the answer that came from `base`; with `digest` in its query.
  // INVALID_ARGUMENT: none, or one that is neither https nor on this machine like the registry.
  absl::StatusOr<std::string> UploadUrl(const std::string& base, std::string_view location,
                                        std::string_view digest) const;

 private:
  RegistryAsk(Registry registry, io::Url origin, AskOptions options, const Clock& clock);
  bool MayLeadTo(const io::Url& target) const;
  absl::StatusOr<io::HttpResponse> Send(const Scope& scope, const Call& call, const std::string& authorization);
  absl::StatusOr<io::HttpResponse> SendOnce(const Scope& scope, const Call& call, const std::string& authorization);

  const Registry registry_;
  const io::Url origin_;
  const AskOptions options_;
  io::HttpClient http_;
  Authorizer authorizer_;
};

}  // namespace gofarm::oci
