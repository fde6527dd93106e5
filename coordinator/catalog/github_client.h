// What GitHub says of repositories: many in one GraphQL request (with a token only), one by its REST API (an answer
// that did not change costs nothing, with a token), and the repositories of a topic by its search. Owners and names are
// checked against GitHub's alphabet before they enter a query, so that no module path can write one. The token goes to
// the configured address alone and into no message. Everything that comes back is untrusted. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "coordinator/catalog/github_search.h"
#include "coordinator/catalog/repository_name.h"
#include "coordinator/catalog/service_gate.h"

namespace gofarm::catalog {

namespace github {
struct SearchPage;
}

inline constexpr size_t kGithubAliases = 100;  // one point of 5,000 an hour, with topics
inline constexpr size_t kGithubAliasesMin = 5;
inline constexpr int64_t kGithubAnswerBytesMax = 8 << 20;
inline constexpr size_t kTopicRepositoriesMax = 100'000;
inline constexpr absl::Duration kSearchWaitMax = absl::Seconds(70);  // its limit is a minute's

struct GithubRepository {
  int64_t id = 0;
  std::string full_name;  // "Owner/Name", as it is called now
  std::string description;
  std::string homepage;
  std::string license;  // SPDX, or "non-standard"; empty: none found
  std::string default_branch;
  std::vector<std::string> topics;
  int64_t stars = 0;
  bool archived = false;
  bool fork = false;
  absl::Time pushed_at = absl::InfinitePast();
};

enum class RepositoryState {
  kNotAnswered,  // nothing was learned: ask again
  kThere,
  kNotModified,  // as it was when its ETag was kept
  kMissing,      // gone or private
  kRefused,      // GitHub shows it to nobody, or not to this token
};

struct RepositoryAnswer {
  RepositoryState state = RepositoryState::kNotAnswered;
  GithubRepository repository;  // of kThere
  bool renamed = false;         // it is called otherwise than it was asked for
  std::string etag;             // of REST: for the next question with the same token
};

struct RepositoryAnswers {
  std::vector<RepositoryAnswer> answers;  // in the order of the names
  absl::Status status;                    // with another than OK, what came before it is there all the same
};

// How many repositories the next GraphQL request asks for: half after one that was too much, more again by and by.
// Pure. Not thread-safe.
class AliasBatch {
 public:
  size_t size() const { return size_; }
  // False when there is nothing left to halve.
  bool TooMuch(size_t asked);
  void Well();

 private:
  size_t size_ = kGithubAliases;
  int well_in_a_row_ = 0;
};

class GithubClient {
 public:
  // `token` empty: without one. `gate` must outlive the client.
  GithubClient(ServiceGate& gate, std::string token) : gate_(gate), token_(std::move(token)) {}

  bool has_token() const { return !token_.empty(); }
  // Tells tokens apart without saying anything of them: GitHub's ETags differ by token.
  std::string TokenMark() const;

  // FAILED_PRECONDITION without a token: GraphQL takes no question without one.
  RepositoryAnswers Repositories(const Scope& scope, absl::Span<const GithubName> names);

  // `etag`: of an earlier answer to the same token. With one "as it was" costs nothing of the hour's limit.
  absl::StatusOr<RepositoryAnswer> Repository(const Scope& scope, const GithubName& name, const std::string& etag = "");

  // Go repositories that carry the topic, most stars first within a slice of the search. INVALID_ARGUMENT when it is no
  // topic. An error only when nothing was found before it.
  struct TopicRepositories {
    std::vector<GithubRepository> repositories;
    int searches = 0;        // slices that were asked for
    std::string incomplete;  // why something is missing: GitHub gave up on part of it, or a limit; empty: nothing is
  };
  // Called after each page; false ends the search.
  using TopicProgress = std::function<bool(const TopicRepositories& so_far)>;
  absl::StatusOr<TopicRepositories> WithTopic(const Scope& scope, const std::string& topic,
                                              const TopicProgress& progress = {});

 private:
  io::HttpHeaders Headers() const;
  // One page of one search. Waits when it used up the search's minute.
  absl::StatusOr<github::SearchPage> SearchOnce(const Scope& scope, const std::string& query, int page);
  // Fills the answers that the request brings. UNAVAILABLE and the like end the batch; true: less must be asked.
  absl::StatusOr<bool> AskAliases(const Scope& scope, absl::Span<const GithubName> names,
                                  absl::Span<RepositoryAnswer> answers);

  ServiceGate& gate_;
  const std::string token_;
  absl::Mutex mutex_;
  AliasBatch batch_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::catalog
