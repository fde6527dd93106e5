// Log text on its way to the screen: escaped line by line, and files that are read as they grow. Not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace gofarm::cli {

// A line longer than this is printed in pieces.
inline constexpr size_t kLineMax = 64 << 10;

// Escaping needs whole characters, and chunks end anywhere: text waits here until its line is complete.
class LineEscaper {
 public:
  explicit LineEscaper(std::function<void(std::string_view)> out) : out_(std::move(out)) {}
  void Add(std::string_view bytes);
  // Prints what waits, with a newline.
  void Finish();

 private:
  std::function<void(std::string_view)> out_;
  std::string waiting_;
};

// Prints files from their beginnings, one after the other under their names when there are several; with `follow` then
// what is added, for ever, also over a rotation. NOT_FOUND names the file.
absl::Status PrintFiles(const std::vector<std::string>& paths, bool follow,
                        const std::function<void(std::string_view)>& out);

}  // namespace gofarm::cli
