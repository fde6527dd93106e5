#include "coordinator/oci/challenge.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/url.h"
#include "common/json/fields.h"

namespace gofarm::oci {
namespace {

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Reads `Scheme name=value, name="quoted", Scheme ...` from the left.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool AtEnd() {
    SkipBlanks();
    return at_ >= text_.size();
  }
  void SkipBlanks(bool commas = true) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || (commas && text_[at_] == ','))) ++at_;
  }
  std::string Word() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsTokenChar(text_[at_])) ++at_;
    return absl::AsciiStrToLower(Av(text_.substr(begin, at_ - begin)));
  }
  bool Take(char c) {
    SkipBlanks(false);
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // A token, or a quoted string with its backslashes undone. False: the quote does not end.
  bool Value(std::string& out) {
    SkipBlanks(false);
    out.clear();
    if (at_ >= text_.size() || text_[at_] != '"') {
      while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != ' ' && text_[at_] != '\t') out += text_[at_++];
      return true;
    }
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return true;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_];
    }
    return false;
  }

 private:
  const std::string_view text_;
  size_t at_ = 0;
};

struct Raw {
  std::string scheme;
  std::map<std::string, std::string> parameters;  // the first of a name counts
};

std::vector<Raw> Split(std::string_view text) {
  std::vector<Raw> all;
  Reader reader(text);
  while (!reader.AtEnd()) {
    std::string word = reader.Word();
    if (word.empty()) return {};  // no such text; nothing of it is believed
    if (!reader.Take('=')) {
      all.push_back({.scheme = std::move(word)});
      continue;
    }
    std::string value;
    if (all.empty() || !reader.Value(value)) return {};
    all.back().parameters.emplace(std::move(word), std::move(value));
  }
  return all;
}

}  // namespace

std::optional<Challenge> ReadChallenge(const io::HttpHeaders& headers) {
  std::optional<Challenge> basic;
  for (const auto& [name, value] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(name, "www-authenticate") || value.size() > kChallengeBytesMax) continue;
    for (Raw& raw : Split(value)) {
      if (raw.scheme == "basic" && !basic) basic = Challenge{};
      if (raw.scheme != "bearer" || raw.parameters["realm"].empty()) continue;
      Challenge challenge{.scheme = Challenge::Scheme::kBearer,
                          .realm = raw.parameters["realm"],
                          .service = raw.parameters["service"],
                          .scopes = absl::StrSplit(raw.parameters["scope"], ' ', absl::SkipEmpty())};
      challenge.scopes.resize(std::min(challenge.scopes.size(), kScopesMax));
      return challenge;
    }
  }
  return basic;
}

absl::Status CheckRealm(const Registry& registry, std::string_view realm) {
  const absl::StatusOr<io::Url> url = io::ParseUrl(realm);
  const auto refused = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        Cat("the registry sends to ", Clip(io::RedactUrl(realm), 200), " for a token: ", why));
  };
  if (!url.ok()) return refused("that is no URL");
  if (realm.find('@') < realm.find_first_of("/?#", realm.find("://") + 3)) return refused("a user stands in it");
  const bool loopback = io::IsLoopbackHost(url->host);
  if (loopback && !registry.loopback) return refused("a registry elsewhere may not send to this machine");
  if (url->scheme == "https" || (url->scheme == "http" && loopback)) return absl::OkStatus();
  return refused("credentials go over https only");
}

std::string TokenUrl(const Challenge& challenge, const std::vector<std::string>& scopes) {
  std::string url = challenge.realm.substr(0, challenge.realm.find('#'));
  const auto add = [&](std::string_view name, std::string_view value) {
    url += Cat(url.find('?') == std::string::npos ? "?" : "&", name, "=", io::PercentEncode(value));
  };
  if (!challenge.service.empty()) add("service", challenge.service);
  for (const std::string& scope : scopes) add("scope", scope);
  return url;
}

absl::StatusOr<Token> ReadToken(std::string_view body) {
  json::Parser parser;
  GOFARM_ASSIGN_OR_RETURN(const simdjson::dom::element document, parser.Document(body));
  Token token;
  std::string_view text;
  if ((document["token"].get(text) != simdjson::SUCCESS || text.empty()) &&
      (document["access_token"].get(text) != simdjson::SUCCESS || text.empty())) {
    return absl::InvalidArgumentError("the answer holds no token");
  }
  const auto printable = [](char c) { return c > 0x20 && c < 0x7f; };
  if (text.size() > kTokenBytesMax || !std::all_of(text.begin(), text.end(), printable)) {
    return absl::InvalidArgumentError("the answer holds a token that fits no header");
  }
  token.value = std::string(text);
  int64_t seconds = 0;
  if (document["expires_in"].get(seconds) == simdjson::SUCCESS && seconds > 0) {
    token.life = std::min(absl::Seconds(seconds), kTokenLifeMax);
  }
  return token;
}

}  // namespace gofarm::oci
