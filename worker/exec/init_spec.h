// What Run hands to its sandbox-init process: a plain form with lengths in front of every text, at most kInitSpecMax.
// Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/exec/sandbox.h"

namespace gofarm::exec {

inline constexpr size_t kInitSpecMax = size_t{4} << 20;

// Which defences are up. Production has no way to lower one (Sandbox::Run uses the defaults); the tests take one away
// to see its probe succeed.
struct Defences {
  bool system_call_filter = true;
  bool no_nested_user_namespaces = true;
};

struct InitSpec {
  SandboxSpec sandbox;
  Defences defences;
  std::string bwrap;  // absolute
  int uid = -1;       // kernel uid to build as; -1: the caller's own, in a user namespace
};

// What no sandbox can be made of: INVALID_ARGUMENT names it.
absl::Status CheckSpec(const SandboxSpec& spec);

// The earlier mount that `bind`, one of `binds`, lies in; nullptr: none.
const BindMount* OuterBind(const std::vector<BindMount>& binds, const BindMount& bind);

std::string EncodeInitSpec(const InitSpec& spec);
absl::StatusOr<InitSpec> DecodeInitSpec(std::string_view bytes);

}  // namespace gofarm::exec
