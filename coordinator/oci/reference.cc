#include "coordinator/oci/reference.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/url.h"

namespace gofarm::oci {
namespace {

constexpr size_t kDestinationMax = 1024;  // far beyond what fits a reference; only bounds what is looked at

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool IsComponent(std::string_view part) {
  size_t i = 0;
  while (true) {
    const size_t begin = i;
    while (i < part.size() && IsLowerAlnum(part[i])) ++i;
    if (i == begin) return false;
    if (i == part.size()) return true;
    const size_t separator = i;
    while (i < part.size() && !IsLowerAlnum(part[i])) ++i;
    const std::string_view between = part.substr(separator, i - separator);
    const bool dashes = between.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && between != "." && between != "_" && between != "__") return false;
  }
}

bool IsRepositoryText(std::string_view repository) {
  for (const absl::string_view part : absl::StrSplit(Av(repository), '/')) {
    if (!IsComponent(Sv(part))) return false;
  }
  return true;
}

std::string Shown(std::string_view text) { return EscapeAndClip(text, 200); }

}  // namespace

absl::StatusOr<Destination> ParseDestination(std::string_view text) {
  constexpr std::string_view kForm = "write https://HOST[:PORT]/PREFIX, or http:// for a registry on this machine";
  if (text.size() > kDestinationMax) {
    return absl::InvalidArgumentError(Cat("a registry's address is longer than ", kDestinationMax, " bytes"));
  }
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) {
    return absl::InvalidArgumentError(Cat("registry \"", Shown(text.substr(0, text.find('@'))), "\": ", kForm));
  }
  const std::string_view rest = text.substr(scheme_end + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const auto refused = [&](std::string_view why) {
    return absl::InvalidArgumentError(Cat("registry ", io::RedactUrl(text), ": ", why));
  };
  if (rest.find_first_of("?#") != std::string_view::npos) return refused(Cat("no query or fragment; ", kForm));
  if (rest.substr(0, slash).find('@') != std::string_view::npos) {
    return refused("user and password stand in a credentials file, not in the address");
  }
  const absl::StatusOr<io::Url> url = io::ParseUrl(text.substr(0, scheme_end + 3 + slash));
  if (!url.ok()) return refused(kForm);
  Destination out;
  Registry& registry = out.registry;
  registry.host = url->host;
  registry.loopback = io::IsLoopbackHost(url->host);
  if (url->scheme != "https" && !(url->scheme == "http" && registry.loopback)) {
    return refused(url->scheme == "http" ? "plain http is for registries on this machine only; use https" : kForm);
  }
  if (url->host.empty() || url->port <= 0) return refused(kForm);
  const bool v6 = url->host.find(':') != std::string::npos;
  registry.authority = v6 ? Cat("[", url->host, "]") : url->host;
  if (url->port != (url->scheme == "https" ? 443 : 80)) registry.authority += Cat(":", url->port);
  registry.origin = Cat(url->scheme, "://", registry.authority);

  std::string_view prefix = rest.substr(slash);
  while (absl::StartsWith(Av(prefix), "/")) prefix.remove_prefix(1);
  while (absl::EndsWith(Av(prefix), "/")) prefix.remove_suffix(1);
  if (!prefix.empty()) GOFARM_RETURN_IF_ERROR_CTX(CheckRepository(registry, prefix), "prefix of a registry");
  out.prefix = std::string(prefix);
  return out;
}

std::string Print(const Destination& destination) {
  return destination.prefix.empty() ? destination.registry.origin
                                    : Cat(destination.registry.origin, "/", destination.prefix);
}

absl::Status CheckRepository(const Registry& registry, std::string_view repository) {
  if (registry.authority.size() + 1 + repository.size() > kHostAndRepositoryMax) {
    return absl::InvalidArgumentError(Cat("repository \"", Shown(repository), "\" is longer than ",
                                          kHostAndRepositoryMax, " bytes together with its host"));
  }
  if (!IsRepositoryText(repository)) {
    return absl::InvalidArgumentError(
        Cat("\"", Shown(repository),
            "\" is no name of a repository: lower-case letters and digits, joined by /, ., _, __ or -"));
  }
  return absl::OkStatus();
}

absl::Status CheckTag(std::string_view tag) {
  const auto may = [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  const bool good = !tag.empty() && tag.size() <= kTagMax && may(tag.front()) &&
                    std::all_of(tag.begin(), tag.end(), [&](char c) { return may(c) || c == '.' || c == '-'; });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Cat("\"", Shown(tag), "\" is no tag: at most ", kTagMax, " letters, digits, _, . and -, the first no . or -"));
}

bool IsDigestText(std::string_view digest) {
  return absl::StartsWith(Av(digest), Av(kSha256Prefix)) && IsLowerHex(digest.substr(kSha256Prefix.size()));
}

absl::StatusOr<std::string> RepositoryBelow(const Destination& destination, std::string_view path) {
  std::string repository = destination.prefix.empty() ? std::string(path) : Cat(destination.prefix, "/", path);
  GOFARM_RETURN_IF_ERROR(CheckRepository(destination.registry, repository));
  return repository;
}

absl::StatusOr<std::string> TagOf(std::string_view version) {
  std::string tag(version);
  std::replace(tag.begin(), tag.end(), '+', '-');
  GOFARM_RETURN_IF_ERROR(CheckTag(tag));
  return tag;
}

std::string ReferrersTag(std::string_view digest) {
  std::string tag(digest);
  std::replace(tag.begin(), tag.end(), ':', '-');
  return tag;
}

}  // namespace gofarm::oci
