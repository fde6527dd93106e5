// The identity of a build: SHA-256 over a canonical text of everything that decides its bytes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/vocab/target.h"

namespace gofarm::domain {

// Raised whenever flags, variants or sandbox paths change their meaning: everything is then built anew.
inline constexpr int kRecipeVersion = 2;

struct RecipePolicy {
  int recipe_version = kRecipeVersion;
  int sandbox_layout = 1;  // the fixed paths inside the sandbox
  std::string flags;       // as given to the Go command and the C compiler
  std::string variants;    // which ways of building are tried, and when the next one
};
// The policy of this coordinator for sandboxes of `sandbox_layout`.
RecipePolicy CurrentPolicy(int sandbox_layout = 1);

struct Recipe {
  std::string module;
  std::string version;
  Target target = Target::kX86_64;
  std::string toolset_digest;
  RecipePolicy policy;
};

// Every field by name and length, so that no value can pretend to be another field.
std::string CanonicalForm(const Recipe& recipe);
std::string RecipeDigest(const Recipe& recipe);  // lower-case hex

}  // namespace gofarm::domain
