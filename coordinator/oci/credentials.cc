#include "coordinator/oci/credentials.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/json/fields.h"

namespace gofarm::oci {
namespace {

// RFC 7617: a user without colon, neither with control characters.
absl::StatusOr<Credentials> Split(std::string_view text) {
  const size_t colon = text.find(':');
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || !printable ||
      text.size() > kCredentialBytesMax) {
    return absl::InvalidArgumentError("it holds no USER:TOKEN");
  }
  return Credentials{.user = std::string(text.substr(0, colon)), .secret = std::string(text.substr(colon + 1))};
}

// How long the path of `key` is that `destination` stands below; null: it is for another place. Docker writes hosts, or
// the URL of an API ("https://HOST/v1/"); podman also "HOST/PATH".
std::optional<size_t> Fits(std::string_view key, const Destination& destination) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (absl::StartsWith(Av(key), Av(scheme))) key.remove_prefix(scheme.size());
  }
  while (absl::EndsWith(Av(key), "/")) key.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"}) {
    if (absl::EndsWith(Av(key), Av(version))) key.remove_suffix(version.size());
  }
  const std::string_view host = key.substr(0, key.find('/'));
  if (!absl::EqualsIgnoreCase(Av(host), destination.registry.authority)) return std::nullopt;
  const std::string_view path = key.substr(std::min(host.size() + 1, key.size()));
  if (path.empty()) return 0;
  const bool below = destination.prefix == path || absl::StartsWith(destination.prefix, Cat(path, "/"));
  return below ? std::optional<size_t>(path.size()) : std::nullopt;
}

std::string_view TextOf(simdjson::dom::element object, std::string_view name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

absl::StatusOr<Credentials> OfEntry(simdjson::dom::element entry) {
  if (const std::string_view packed = TextOf(entry, "auth"); !packed.empty()) {
    std::string plain;
    if (!absl::Base64Unescape(Av(packed), &plain)) return absl::InvalidArgumentError("its auth is no base64");
    // Docker's own files end some of them with a zero byte.
    while (!plain.empty() && plain.back() == '\0') plain.pop_back();
    return Split(plain);
  }
  if (!TextOf(entry, "username").empty()) {
    return Split(Cat(TextOf(entry, "username"), ":", TextOf(entry, "password")));
  }
  return absl::FailedPreconditionError("its user and token are with a credential helper, or it is an identity token");
}

}  // namespace

std::string BasicHeader(const Credentials& credentials) {
  return Cat("Basic ", absl::Base64Escape(Cat(credentials.user, ":", credentials.secret)));
}

absl::StatusOr<std::optional<Credentials>> ParseCredentials(std::string_view text, const Destination& destination) {
  const std::string_view trimmed = Sv(absl::StripAsciiWhitespace(Av(text)));
  if (!absl::StartsWith(Av(trimmed), "{")) {
    GOFARM_ASSIGN_OR_RETURN(Credentials one, Split(trimmed));
    return std::optional<Credentials>(std::move(one));
  }
  json::Parser parser;
  const absl::StatusOr<simdjson::dom::element> document = parser.Document(trimmed);
  // The parser's message may quote what stands there.
  if (!document.ok()) return absl::InvalidArgumentError("it begins like JSON and is none");
  std::optional<size_t> best;
  simdjson::dom::element entry;
  if (simdjson::dom::object auths; (*document)["auths"].get(auths) == simdjson::SUCCESS) {
    for (const auto& [key, value] : auths) {
      const std::optional<size_t> fit = Fits(key, destination);
      if (fit && (!best || *fit > *best)) {
        best = fit;
        entry = value;
      }
    }
  }
  const std::string& where = destination.registry.authority;
  if (best) {
    GOFARM_ASSIGN_OR_RETURN_CTX(Credentials one, OfEntry(entry), Cat("entry for ", where));
    return std::optional<Credentials>(std::move(one));
  }
  if (!TextOf(*document, "credsStore").empty() || (*document)["credHelpers"][where].error() == simdjson::SUCCESS) {
    return absl::FailedPreconditionError(
        Cat("the credentials for ", where, " are with a helper, which is not asked; write USER:TOKEN into a file"));
  }
  return std::optional<Credentials>();
}

absl::StatusOr<std::optional<Credentials>> ReadCredentials(const std::string& path, const Destination& destination) {
  const std::string what = Cat("credentials file ", path);
  GOFARM_ASSIGN_OR_RETURN_CTX(const std::string text, io::ReadFile(path, kCredentialsFileMax), what);
  absl::StatusOr<std::optional<Credentials>> parsed = ParseCredentials(text, destination);
  if (!parsed.ok()) return Annotate(parsed.status(), what);
  return parsed;
}

}  // namespace gofarm::oci
