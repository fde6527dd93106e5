// What a repository is called everywhere in the catalog: "github.com/owner/name", in lower case, since GitHub's names
// differ in nothing but case from their like. And which repository a module path or a link leads to. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gofarm::catalog {

inline constexpr size_t kRepositoryNameMax = 300;

// Of a link to a page of it, or of an address to clone from: https://, git@host:, with or without .git, /tree/...
// behind it. Null when it names none. Any host is taken; in general the first two parts of the path are the repository.
enum class Letters { kLower, kAsWritten };  // module paths have capitals
std::optional<std::string> RepositoryOfUrl(std::string_view url, Letters letters = Letters::kLower);

// Of a module path whose host keeps repositories ("github.com/o/r/sub/v2" is in github.com/o/r), of gopkg.in and of
// golang.org/x. Null for all other paths: those names lead to a repository through their own server alone.
std::optional<std::string> RepositoryOfModule(std::string_view module);

// "github.com/o/r" or "o/r", in GitHub's own alphabet, so that it may stand in a query. Null for everything else.
struct GithubName {
  std::string owner;
  std::string name;
  bool operator==(const GithubName&) const = default;
};
std::optional<GithubName> GithubNameOf(std::string_view repository);

}  // namespace gofarm::catalog
