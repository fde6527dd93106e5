// The Authorization header of requests to one registry: Basic, or Bearer tokens that are fetched, kept and renewed.
// Credentials go to the registry and to the realm it names (CheckRealm), to nobody else. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "coordinator/oci/challenge.h"
#include "coordinator/oci/credentials.h"
#include "coordinator/oci/slots.h"

namespace gofarm::oci {

inline constexpr size_t kTokensMax = 1024;  // kept at once, one for each set of scopes

class Authorizer {
 public:
  // `http` and `clock` must outlive it.
  Authorizer(const io::HttpClient& http, Registry registry, std::optional<Credentials> credentials, const Clock& clock);

  // For a request that needs `scopes` ("repository:NAME:pull,push"): empty as long as the registry never asked. A
  // failure carries its class (failure.h).
  absl::StatusOr<std::string> Header(const Scope& scope, const std::vector<std::string>& scopes);

  // After `answer` was 401 to a request with `used`: the header for one more try, or why none is worth it.
  absl::StatusOr<std::string> Renew(const Scope& scope, const std::vector<std::string>& scopes,
                                    const io::HttpResponse& answer, const std::string& used);

 private:
  struct Kept {
    std::string header;
    absl::Time renew_at;
  };
  std::optional<std::string> Find(const std::string& key);
  void Keep(const std::string& key, const Token& token);
  // `key`: of the scopes that were wanted; `used`: what is known to be no good, so a kept one that is the same is not
  // taken.
  absl::StatusOr<std::string> Fetch(const Scope& scope, const Challenge& challenge, const std::string& key,
                                    const std::vector<std::string>& scopes, const std::string& used);

  const io::HttpClient& http_;
  const Registry registry_;
  const std::optional<Credentials> credentials_;
  const Clock& clock_;
  Slots fetching_{1};  // four uploads that begin together ask for one token
  absl::Mutex mutex_;
  std::optional<Challenge> challenge_ ABSL_GUARDED_BY(mutex_);  // the last one
  std::map<std::string, Kept> tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::oci
