// Does a Go source file declare `func main()`? tree-sitter's tree says so where it has no error; where it has one, or a
// limit was hit, the linear scanner of common/gomod decides, which is also what a worker's listing goes by. The only
// home of tree-sitter. Memory of a parse is counted for its thread, so two threads may parse at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::godetect {

struct TreeLimits {
  size_t text_bytes = 8 << 20;
  int64_t memory_bytes = int64_t{768} << 20;
  absl::Duration time = absl::Seconds(60);  // only against endless loops: bytes and memory decide before
};

enum class TreeAnswer { kNoMain, kMain, kUndecided };
TreeAnswer AskTree(std::string_view text, const TreeLimits& limits = {});

bool DeclaresMain(std::string_view text, const TreeLimits& limits = {});

// Where DeclaresMain runs.
class SourceParser {
 public:
  virtual ~SourceParser() = default;
  // An error: the parser ended on this text, so nothing is known. ABORTED: a crash or a limit of its process.
  virtual absl::StatusOr<bool> DeclaresMain(std::string_view text) = 0;
};

// In the caller's own process: for text that is trusted not to end it, and for tests.
class OwnProcessParser final : public SourceParser {
 public:
  absl::StatusOr<bool> DeclaresMain(std::string_view text) override { return godetect::DeclaresMain(text); }
};

}  // namespace gofarm::godetect
