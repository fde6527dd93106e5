// What GitHub's REST API said of a module's repository, as it is kept with the module between two questions: with its
// ETag an answer that did not change costs GitHub little (and nothing of the hour's limit, with a token), and a refresh
// that does not ask GitHub loses nothing. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "coordinator/catalog/github_client.h"
#include "coordinator/domain/catalog.h"

namespace gofarm::catalog {

struct KeptGithub {
  std::string asked;     // the repository as the other services call it; GitHub may have renamed it
  bool missing = false;  // gone, private, or shown to nobody: the rest says nothing
  GithubRepository repository;
  std::string etag;  // of the present token; empty: none
  absl::Time at;     // when GitHub was asked last
};

// What the row keeps; nothing when GitHub was never asked by REST. The ETag of another token is left out: GitHub's
// differ by token.
std::optional<KeptGithub> KeptOf(const EnrichmentRow& row, const std::string& token_mark);
void Keep(const KeptGithub& kept, const std::string& token_mark, EnrichmentRow& row);

// After an answer to a question about `asked`. Nothing when it taught nothing.
std::optional<KeptGithub> After(const std::optional<KeptGithub>& before, const std::string& asked,
                                const RepositoryAnswer& answer, absl::Time now);

}  // namespace gofarm::catalog
