#include "cli/install/source.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/url.h"

namespace gofarm::install {
namespace {

constexpr char kWays[] =
    "--index URL --key KEY, GOFARM_INDEX with GOFARM_INDEX_KEY, or a farm (GOFARM_DIR, gofarm login)";

void Add(std::vector<attest::MinisignPublicKey>& keys, const attest::MinisignPublicKey& key) {
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
}

// What was seen of this index by this key counts for it. A key that has ended is not trusted, or whoever stole it could
// sign the index for ever: what was configured before its end knows nothing of that. `just_named`: the key was named
// for this command, by a person or by the farm.
Source SourceOf(std::string url, const attest::MinisignPublicKey& key, bool just_named, std::string named_by,
                const Memory& memory) {
  Source source{.url = std::move(url), .key = key, .named_by = std::move(named_by)};
  const RememberedIndex* const seen = memory.Find(source.url);
  const bool ended =
      seen != nullptr && std::find(seen->ended.begin(), seen->ended.end(), key.Line()) != seen->ended.end();
  if (!ended || just_named) source.trust.keys = {key};
  if (seen == nullptr || seen->key != key.Line()) return source;
  source.trust.generation = seen->generation;
  for (const std::string& line : seen->followed) {
    const absl::StatusOr<attest::MinisignPublicKey> followed = attest::MinisignPublicKey::Parse(line);
    if (followed.ok()) Add(source.trust.keys, *followed);
  }
  return source;
}

}  // namespace

absl::StatusOr<std::string> IndexUrl(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(Cat("index \"", EscapeAndClip(io::RedactUrl(text), 300), "\": ", why,
                                          "; it looks like https://bins.example.org/index"));
  };
  const absl::StatusOr<io::Url> url = io::ParseUrl(text);
  if (!url.ok()) return wrong(Sv(url.status().message()));
  if (url->scheme != "http" && url->scheme != "https") return wrong("it is no http or https URL");
  if (url->text.find_first_of("@?#") != std::string::npos) return wrong("it has a user, a query or a fragment");
  std::string plain = url->text;
  while (plain.ends_with('/')) plain.pop_back();
  return plain;
}

absl::StatusOr<attest::MinisignPublicKey> ReadMinisignKey(
    const std::string& text, const std::function<absl::StatusOr<std::string>(const std::string& path)>& read) {
  absl::StatusOr<attest::MinisignPublicKey> key = attest::MinisignPublicKey::Parse(text);
  if (key.ok()) return key;
  const absl::StatusOr<std::string> file = read(text);
  if (file.ok()) key = attest::MinisignPublicKey::Parse(*file);
  if (key.ok()) return key;
  return absl::InvalidArgumentError(
      Cat("key \"", EscapeAndClip(text, 200), "\": ", Sv(key.status().message()), ", or a file that holds one"));
}

absl::StatusOr<Source> FindSource(const SourceInputs& inputs,
                                  const std::function<absl::StatusOr<std::string>(const std::string& path)>& read) {
  std::optional<attest::MinisignPublicKey> key;
  for (const std::string& given : {inputs.key_flag, inputs.key_environment}) {
    if (given.empty() || key) continue;
    GOFARM_ASSIGN_OR_RETURN_CTX(key, ReadMinisignKey(given, read),
                                inputs.key_flag.empty() ? "GOFARM_INDEX_KEY" : "--key");
  }
  bool just_named = !inputs.key_flag.empty();
  const bool by_flag = !inputs.index_flag.empty();
  if (by_flag || !inputs.index_environment.empty()) {
    const std::string named_by = by_flag ? "--index" : "GOFARM_INDEX";
    GOFARM_ASSIGN_OR_RETURN_CTX(std::string url, IndexUrl(by_flag ? inputs.index_flag : inputs.index_environment),
                                named_by);
    if (!key) {
      const RememberedIndex* const seen = inputs.memory.Find(url);
      if (seen == nullptr) {
        return absl::InvalidArgumentError(
            Cat("no key is known for the index ", url, " (", named_by,
                "): name its minisign key with --key or GOFARM_INDEX_KEY; whoever runs it tells it"));
      }
      GOFARM_ASSIGN_OR_RETURN_CTX(key, attest::MinisignPublicKey::Parse(seen->key), "the remembered key");
    }
    Source source = SourceOf(std::move(url), *key, just_named, named_by, inputs.memory);
    source.by_person = true;
    return source;
  }
  GOFARM_ASSIGN_OR_RETURN(const std::optional<FarmTells> farm, inputs.farm());
  if (farm) {
    if (farm->index_url.empty()) {
      return absl::InvalidArgumentError(Cat("the farm serves no index over HTTP; name one: ", kWays));
    }
    GOFARM_ASSIGN_OR_RETURN(std::string url, IndexUrl(farm->index_url));
    if (!key && farm->minisign_key.empty()) {
      return absl::InvalidArgumentError(
          Cat("the farm does not tell by which key it signs the index ", url, "; name it with --key"));
    }
    if (!key) {
      GOFARM_ASSIGN_OR_RETURN_CTX(key, attest::MinisignPublicKey::Parse(farm->minisign_key), "the farm's key");
      just_named = true;
    }
    return SourceOf(std::move(url), *key, just_named, "the farm", inputs.memory);
  }
  const RememberedIndex* const usual = inputs.memory.usual.empty() ? nullptr : inputs.memory.Find(inputs.memory.usual);
  if (usual == nullptr) {
    return absl::InvalidArgumentError(Cat("no index is known to look in; name one: ", kWays));
  }
  if (!key) {
    GOFARM_ASSIGN_OR_RETURN_CTX(key, attest::MinisignPublicKey::Parse(usual->key), "the remembered key");
  }
  return SourceOf(usual->url, *key, just_named, "remembered", inputs.memory);
}

}  // namespace gofarm::install
