// Bytes that come in pieces, given on in blocks of whole lines. A line that is longer than a block is cut there and
// keeps its newline: it takes no more memory than that however long it is, and what reads the lines refuses it. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gofarm::catalog {

class LineBlocks {
 public:
  using Sink = std::function<absl::Status(std::string block)>;

  // `block`: the most that is kept of one line, and of several until they are given on. An error of `sink` is returned
  // by the call that led to it.
  LineBlocks(size_t block, Sink sink);

  absl::Status Add(std::string_view bytes);
  // What is left is given on; a last line without a newline gets one.
  absl::Status Finish();
  // What came so far ends with the end of a line, or is nothing.
  bool EndsLine() const { return pending_.empty() || pending_.back() == '\n'; }
  // What came and was not given on is forgotten.
  void Clear();

 private:
  absl::Status Give(size_t size);

  const size_t block_;
  const Sink sink_;
  std::string pending_;
  bool skipping_ = false;  // the rest of a line that is cut
};

}  // namespace gofarm::catalog
