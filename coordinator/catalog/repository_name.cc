#include "coordinator/catalog/repository_name.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"
#include "common/gomod/path.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kPartMax = 100;
constexpr size_t kOwnerMax = 39;
constexpr size_t kOwnerOfCompanyMax = 80;  // "person_company", of accounts that a company manages
constexpr std::array<std::string_view, 6> kTwoPartHosts = {"github.com", "bitbucket.org", "codeberg.org",
                                                           "gitea.com",  "gitee.com",     "git.sr.ht"};

bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

bool IsPart(std::string_view part) {
  if (part.empty() || part.size() > kPartMax || part == "." || part == "..") return false;
  return std::all_of(part.begin(), part.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.' || c == '~'; });
}

bool IsHost(std::string_view host) {
  return host.find('.') != std::string_view::npos && host.front() != '.' && host.back() != '.' &&
         std::all_of(host.begin(), host.end(), [](char c) { return IsAlnum(c) || c == '-' || c == '.'; });
}

std::optional<std::string> Name(std::string_view host, const std::vector<std::string_view>& parts,
                                Letters letters = Letters::kLower) {
  if (parts.size() < 2 || !std::all_of(parts.begin(), parts.end(), &IsPart)) return std::nullopt;
  std::string name =
      Cat(host, "/", absl::StrJoin(parts, "/", [](std::string* out, std::string_view p) { out->append(p); }));
  if (letters == Letters::kLower) absl::AsciiStrToLower(&name);
  if (absl::EndsWithIgnoreCase(name, ".git")) name.resize(name.size() - 4);
  if (name.size() > kRepositoryNameMax || name.back() == '/') return std::nullopt;
  return name;
}

std::vector<std::string_view> Parts(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(Av(path), '/', absl::SkipEmpty())) parts.push_back(Sv(part));
  return parts;
}

// GitLab's groups nest; what follows "-" is a page of the repository.
size_t PartsOfRepository(std::string_view host, const std::vector<std::string_view>& parts) {
  if (host != "gitlab.com") return 2;
  size_t count = 0;
  while (count < parts.size() && parts[count] != "-" &&
         (count < 2 || (parts[count] != "tree" && parts[count] != "blob"))) {
    ++count;
  }
  return count;
}

// Without "/v2" or ".v2".
std::string_view WithoutMajor(std::string_view path) {
  const gomod::PathVersion split = gomod::SplitPathVersion(path);
  return split.ok ? split.prefix : path;
}

}  // namespace

std::optional<std::string> RepositoryOfUrl(std::string_view url, Letters letters) {
  absl::string_view rest = absl::StripAsciiWhitespace(Av(url));
  absl::ConsumePrefix(&rest, "git+");
  absl::ConsumePrefix(&rest, "scm:git:");
  const size_t scheme = rest.find("://");
  bool clone_address = false;
  if (scheme != absl::string_view::npos) {
    const std::string name = absl::AsciiStrToLower(rest.substr(0, scheme));
    if (name != "https" && name != "http" && name != "git" && name != "ssh") return std::nullopt;
    rest.remove_prefix(scheme + 3);
  } else {
    clone_address = absl::StrContains(rest, "@");  // git@host:owner/name
  }
  rest = rest.substr(0, rest.find_first_of("?#"));
  const size_t host_end = rest.find_first_of(clone_address ? ":" : "/");
  if (host_end == absl::string_view::npos) return std::nullopt;
  absl::string_view host = rest.substr(0, host_end);
  if (const size_t at = host.rfind('@'); at != absl::string_view::npos) host.remove_prefix(at + 1);
  std::string lower = absl::AsciiStrToLower(host);
  if (absl::StartsWith(lower, "www.")) lower.erase(0, 4);
  if (!IsHost(lower)) return std::nullopt;
  std::vector<std::string_view> parts = Parts(Sv(rest.substr(host_end + 1)));
  parts.resize(std::min(parts.size(), PartsOfRepository(lower, parts)));
  return Name(lower, parts, letters);
}

std::optional<std::string> RepositoryOfModule(std::string_view module) {
  const size_t slash = module.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view host = module.substr(0, slash);
  std::vector<std::string_view> parts =
      Parts(WithoutMajor(module).substr(std::min(slash + 1, WithoutMajor(module).size())));
  if (host == "gopkg.in") {
    if (parts.size() == 1) return Name("github.com", {Cat("go-", parts[0]), parts[0]});
    return parts.size() == 2 ? Name("github.com", parts) : std::nullopt;
  }
  if (host == "golang.org") {
    return parts.size() >= 2 && parts[0] == "x" ? Name("github.com", {"golang", parts[1]}) : std::nullopt;
  }
  if (host == "gitlab.com") return parts.size() == 2 ? Name(host, parts) : std::nullopt;  // or a group in a group
  if (std::find(kTwoPartHosts.begin(), kTwoPartHosts.end(), host) == kTwoPartHosts.end()) return std::nullopt;
  parts.resize(std::min<size_t>(parts.size(), 2));
  return Name(host, parts);
}

std::optional<GithubName> GithubNameOf(std::string_view repository) {
  absl::string_view rest = Av(repository);
  absl::ConsumePrefix(&rest, "github.com/");
  const size_t slash = rest.find('/');
  if (slash == absl::string_view::npos) return std::nullopt;
  GithubName name{.owner = std::string(rest.substr(0, slash)), .name = std::string(rest.substr(slash + 1))};
  const bool of_company = name.owner.find('_') != std::string::npos;
  const bool owner =
      !name.owner.empty() && name.owner.size() <= (of_company ? kOwnerOfCompanyMax : kOwnerMax) &&
      IsAlnum(name.owner.front()) &&
      std::all_of(name.owner.begin(), name.owner.end(), [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
  if (!owner || !IsPart(name.name) || name.name.find('~') != std::string::npos) return std::nullopt;
  return name;
}

}  // namespace gofarm::catalog
