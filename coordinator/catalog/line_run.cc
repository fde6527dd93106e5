#include "coordinator/catalog/line_run.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kFirstSlots = 1024;
constexpr size_t kRowsBeyond = 32'768;  // a run is full when a block of lines was added, so it holds some more
constexpr size_t kAhead = 6;            // lines between looking for memory and using it
constexpr size_t kTextReserved = size_t{64} << 20;

// The first bytes as a number that sorts as they do.
uint64_t Prefix(std::string_view text) {
  uint64_t value = 0;
  std::memcpy(&value, text.data(), std::min(text.size(), sizeof(value)));
  return be64toh(value);
}

// Most paths begin with the same host; what follows it tells them apart.
constexpr std::string_view kCommonHost = "github.com/";

struct PathOrder {
  uint8_t part;  // before, at and behind kCommonHost
  uint64_t prefix;
  uint32_t index;
};

std::vector<uint32_t> SortPaths(const PathTable& paths) {
  std::vector<PathOrder> order(paths.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    const std::string_view path = paths.path(i);
    const bool common = path.starts_with(kCommonHost);
    order[i] = {static_cast<uint8_t>(common ? 1 : (path < kCommonHost ? 0 : 2)),
                Prefix(common ? path.substr(kCommonHost.size()) : path), i};
  }
  std::sort(order.begin(), order.end(), [&](const PathOrder& a, const PathOrder& b) {
    if (a.part != b.part) return a.part < b.part;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return paths.path(a.index) < paths.path(b.index);
  });
  std::vector<uint32_t> sorted(order.size());
  for (size_t i = 0; i < order.size(); ++i) sorted[i] = order[i].index;
  return sorted;
}

}  // namespace

PathTable::PathTable() : slots_(kFirstSlots), mask_(kFirstSlots - 1) {}

uint32_t PathTable::Intern(std::string_view path, uint64_t hash) {
  const uint32_t tag = static_cast<uint32_t>(hash >> 32);
  for (uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    if (slot.number == 0) {
      const uint32_t index = static_cast<uint32_t>(paths_.size());
      slot = {.tag = tag,
              .number = index + 1,
              .offset = static_cast<uint32_t>(text_.size()),
              .length = static_cast<uint32_t>(path.size())};
      paths_.push_back({.hash = hash, .offset = slot.offset, .length = slot.length});
      text_.append(path);
      if (paths_.size() * 2 > slots_.size()) Grow();
      return index;
    }
    if (slot.tag == tag && slot.length == path.size() &&
        std::memcmp(text_.data() + slot.offset, path.data(), path.size()) == 0) {
      return slot.number - 1;
    }
  }
}

void PathTable::Grow() {
  std::vector<Slot> larger(slots_.size() * 4);
  mask_ = larger.size() - 1;
  for (uint32_t index = 0; index < paths_.size(); ++index) {
    const Path& path = paths_[index];
    uint64_t at = path.hash & mask_;
    while (larger[at].number != 0) at = (at + 1) & mask_;
    larger[at] = {.tag = static_cast<uint32_t>(path.hash >> 32),
                  .number = index + 1,
                  .offset = path.offset,
                  .length = path.length};
  }
  slots_ = std::move(larger);
}

void LineRun::Add(absl::Span<const IndexLine> lines) {
  if (rows_.empty()) {
    // Only addresses: memory comes with the rows.
    rows_.reserve(kRunRowsMax + kRowsBeyond);
    text_.reserve(kTextReserved);
  }
  uint64_t hashes[kAhead * 2];
  for (size_t i = 0; i < lines.size() + kAhead * 2; ++i) {
    if (i >= kAhead * 2) AddOne(lines[i - kAhead * 2], hashes[i % (kAhead * 2)]);
    if (i >= kAhead && i - kAhead < lines.size()) paths_.PrefetchText(hashes[(i - kAhead) % (kAhead * 2)]);
    if (i < lines.size()) {
      hashes[i % (kAhead * 2)] = HashBytes(lines[i].path);
      paths_.PrefetchSlot(hashes[i % (kAhead * 2)]);
    }
  }
}

void LineRun::AddOne(const IndexLine& line, uint64_t hash) {
  const uint32_t index = paths_.Intern(line.path, hash);
  const uint16_t length = static_cast<uint16_t>(line.version.size());
  rows_.push_back({.prefix = Prefix(line.version.substr(1)),
                   .micros = line.micros,
                   .path = index,
                   .version = static_cast<uint32_t>(text_.size())});
  text_.append(reinterpret_cast<const char*>(&length), sizeof(length));
  text_.append(line.version);
}

std::string_view LineRun::version(const RunRow& row) const {
  uint16_t length;
  std::memcpy(&length, text_.data() + row.version, sizeof(length));
  return std::string_view(text_).substr(row.version + sizeof(length), length);
}

std::vector<PathGroup> SortRun(LineRun& run) {
  const PathTable& paths = run.paths();
  std::vector<RunRow>& rows = run.rows();
  std::vector<uint32_t> counts(paths.size());
  for (const RunRow& row : rows) ++counts[row.path];
  // Into the order of paths first, by counting; then each path's rows for themselves, which are few.
  std::vector<PathGroup> groups;
  groups.reserve(paths.size());
  std::vector<uint32_t> places(paths.size());
  uint32_t at = 0;
  for (const uint32_t index : SortPaths(paths)) {
    if (counts[index] == 0) continue;
    places[index] = at;
    groups.push_back({.path = paths.path(index), .begin = at, .end = at + counts[index]});
    at += counts[index];
  }
  std::vector<RunRow> sorted(rows.size());
  for (const RunRow& row : rows) sorted[places[row.path]++] = row;

  uint32_t kept = 0;
  for (PathGroup& group : groups) {
    const auto first = sorted.begin() + group.begin;
    const auto last = sorted.begin() + group.end;
    std::sort(first, last, [&](const RunRow& a, const RunRow& b) {
      if (a.prefix != b.prefix) return a.prefix < b.prefix;
      if (const int order = run.version(a).compare(run.version(b)); order != 0) return order < 0;
      return a.micros < b.micros;
    });
    group.begin = kept;
    for (auto row = first; row != last; ++row) {
      const bool again = kept > group.begin && sorted[kept - 1].prefix == row->prefix &&
                         run.version(sorted[kept - 1]) == run.version(*row);
      if (!again) sorted[kept++] = *row;
    }
    group.end = kept;
  }
  sorted.resize(kept);
  rows = std::move(sorted);
  return groups;
}

}  // namespace gofarm::catalog
