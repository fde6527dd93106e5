#include "coordinator/catalog/line_blocks.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"

namespace gofarm::catalog {

LineBlocks::LineBlocks(size_t block, Sink sink) : block_(block), sink_(std::move(sink)) {
  pending_.reserve(block_ + 1);
}

absl::Status LineBlocks::Add(std::string_view bytes) {
  while (!bytes.empty()) {
    if (skipping_) {
      const size_t newline = bytes.find('\n');
      if (newline == std::string_view::npos) return absl::OkStatus();
      bytes.remove_prefix(newline + 1);
      skipping_ = false;
      pending_ += '\n';
      GOFARM_RETURN_IF_ERROR(Give(pending_.size()));
      continue;
    }
    const size_t room = std::min(bytes.size(), block_ - pending_.size());
    pending_.append(bytes.substr(0, room));
    bytes.remove_prefix(room);
    if (pending_.size() < block_) continue;
    const size_t newline = pending_.rfind('\n');
    if (newline == std::string::npos) {
      skipping_ = true;
    } else {
      GOFARM_RETURN_IF_ERROR(Give(newline + 1));
    }
  }
  return absl::OkStatus();
}

absl::Status LineBlocks::Finish() {
  skipping_ = false;
  if (pending_.empty()) return absl::OkStatus();
  if (pending_.back() != '\n') pending_ += '\n';
  return Give(pending_.size());
}

void LineBlocks::Clear() {
  pending_.clear();
  skipping_ = false;
}

absl::Status LineBlocks::Give(size_t size) {
  std::string rest;
  rest.reserve(block_ + 1);
  rest.append(pending_, size, std::string::npos);
  pending_.resize(size);
  return sink_(std::exchange(pending_, std::move(rest)));
}

}  // namespace gofarm::catalog
