// Which index a command means, and by which keys it is known. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/install/memory.h"
#include "cli/install/trust.h"

namespace gofarm::install {

// What a farm tells of what it publishes, and of its own keys.
struct FarmTells {
  std::string index_url;  // "http://127.0.0.1:7080/index"; empty: it serves none
  std::string minisign_key;
  std::vector<std::string> ended_minisign_keys;  // that signed before, and go on verifying CHECKSUM files of then
  Signers signers;
};

struct SourceInputs {
  std::string index_flag, key_flag;  // as given; empty: not given
  std::string index_environment, key_environment;
  // Asks the farm that is meant. nullopt: none is named, and the usual one is not up.
  std::function<absl::StatusOr<std::optional<FarmTells>>()> farm;
  Memory memory;
};

struct Source {
  std::string url;  // without a slash at its end
  attest::MinisignPublicKey key{"", ""};
  std::string named_by;    // "--index", "GOFARM_INDEX", "the farm", "remembered"
  bool by_person = false;  // by flag or environment: it is the usual one from now on
  Trust trust;             // the key, unless it has ended, those that it named since, and the generation that was seen
};

// "http://host/index" of "http://host/index/". INVALID_ARGUMENT: no http or https URL, or one with user, query or
// fragment.
absl::StatusOr<std::string> IndexUrl(std::string_view text);

// A minisign key as people give it: the line, the text of a .pub file, or the path of one. `read` reads a file.
absl::StatusOr<attest::MinisignPublicKey> ReadMinisignKey(
    const std::string& text, const std::function<absl::StatusOr<std::string>(const std::string& path)>& read);

// In this order: --index, GOFARM_INDEX, the farm, what was remembered. The key is that of the same place; --key and
// GOFARM_INDEX_KEY come before it. One that has ended, by what is remembered of the index, is trusted only where --key
// names it, or the farm as the one that signs. INVALID_ARGUMENT: none of them names an index, or no key is known for
// it.
absl::StatusOr<Source> FindSource(const SourceInputs& inputs,
                                  const std::function<absl::StatusOr<std::string>(const std::string& path)>& read);

}  // namespace gofarm::install
