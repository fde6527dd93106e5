// What deps.dev knows of module versions and of the projects (repositories) behind them. Batches first: one request for
// many names, answered in pages; single calls for what must not wait for a batch. Answers are matched by the question
// that they repeat, never by their order. Everything that comes back is untrusted: bounded, and cleaned of what cannot
// be stored. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "coordinator/catalog/service_gate.h"

namespace gofarm::catalog {

inline constexpr size_t kDepsdevBatchMax = 5000;  // the service's own limit
// Every page is asked for with the whole list again, so a long list answered in short pages is mostly upload.
inline constexpr size_t kDepsdevBatch = 1000;
inline constexpr int64_t kDepsdevPageBytesMax = int64_t{64} << 20;
inline constexpr size_t kDepsdevListMax = 64;  // of licences, links or projects of one version

struct ModuleAtVersion {
  std::string module;
  std::string version;
  auto operator<=>(const ModuleAtVersion&) const = default;
};

struct DepsdevVersion {
  std::vector<std::string> licenses;  // SPDX or "non-standard"
  std::string repository;             // "github.com/o/r"; empty: it names none
  std::string homepage;               // of its links
  bool deprecated = false;
  std::string deprecation;
  absl::Time published_at = absl::InfinitePast();
};

struct DepsdevProject {
  std::string id;  // "github.com/o/r"
  int64_t stars = 0;
  int64_t forks = 0;
  std::string license;
  std::string description;
  std::string homepage;
};

// Of one name: whether deps.dev said anything, and what. Answered without a value: it does not know the name.
template <typename Value>
struct Answer {
  bool answered = false;
  std::optional<Value> value;
};
// In the order of the names. With another status than OK the answers that came before it are there all the same.
template <typename Value>
struct Answers {
  std::vector<Answer<Value>> answers;
  absl::Status status;
};

class DepsdevClient {
 public:
  // `gate` must outlive the client.
  explicit DepsdevClient(ServiceGate& gate) : gate_(gate) {}

  // At most kDepsdevBatchMax names, else INVALID_ARGUMENT.
  Answers<DepsdevVersion> Versions(const Scope& scope, absl::Span<const ModuleAtVersion> names);
  Answers<DepsdevProject> Projects(const Scope& scope, absl::Span<const std::string> ids);

  // Null: not known.
  absl::StatusOr<std::optional<DepsdevVersion>> Version(const Scope& scope, const ModuleAtVersion& name);
  absl::StatusOr<std::optional<DepsdevProject>> Project(const Scope& scope, const std::string& id);

 private:
  ServiceGate& gate_;
};

}  // namespace gofarm::catalog
