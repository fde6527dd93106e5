#include "coordinator/publish/index.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/zstd_frames.h"
#include "common/publish/versions.h"
#include "coordinator/publish/names.h"

namespace gofarm::publish {
namespace {

constexpr uint32_t kRecordsPerFrame = 256;            // on average
constexpr int64_t kFrameBytesMax = int64_t{1} << 20;  // of text; a record more at most
constexpr size_t kTextsKept = 4;                      // expanded frames
constexpr char kSeparator = '\x1f';                   // in no path and no version
constexpr std::string_view kOpen = "[\n";
constexpr std::string_view kBetween = ",\n";
constexpr std::string_view kClose = "\n]\n";
constexpr std::string_view kEmptyArray = "[\n]\n";

template <typename... Parts>
std::string Joined(const Parts&... parts) {
  std::string out;
  ((out += parts, out += kSeparator), ...);
  return out;
}

std::string ProgramKey(std::string_view module, std::string_view path, Target target) {
  return Joined(module, path, TargetName(target));
}

// From a record's key: whether a frame ends behind it. FNV-1a, which gives the same everywhere; whoever chooses keys
// that all end frames, or none, makes files larger and nothing else.
bool EndsFrame(std::string_view key) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return (hash >> 32) % kRecordsPerFrame == 0;
}

std::string FileName(Target target, int year, int part) {
  return Cat(HostName(target), year == 0 ? "" : Cat("-", year), part == 1 ? "" : Cat(".", part), ".json.zst");
}

}  // namespace

struct Index::Frame {
  std::string packed;
  int64_t text_bytes = 0;
};

struct Index::Key {
  std::string pkg, version, pkg_id;
  auto operator<=>(const Key&) const = default;
};

struct Index::Entry {
  ShardItem item;
  Target target = Target::kX86_64;
  int year = 0;
  std::string digest;  // of the text
  bool ends_frame = false;
  bool newest = false;  // of its program
  std::string identity, program, shard;
  Key key;
  int64_t text_bytes = 0;
  std::string text;  // until a frame of its year's file holds it
  FramePtr home;
  size_t home_offset = 0;
};

struct Index::HostRecords {
  Target target = Target::kX86_64;
  std::map<Key, std::unique_ptr<Entry>> entries;
};

// Which records go into which frame of a file.
struct Index::Plan {
  std::vector<Entry*> records;
  int64_t bytes = 0;
  bool first = false;  // of a part
};

// Texts of records that stand in frames already. Neighbours stand in the same ones, so few are enough.
class Index::Texts {
 public:
  absl::StatusOr<std::string_view> Of(const Entry& entry) {
    if (!entry.text.empty()) return std::string_view(entry.text);
    const auto size = static_cast<size_t>(entry.text_bytes);
    for (const auto& [frame, text] : expanded_) {
      if (frame == entry.home) return std::string_view(*text).substr(entry.home_offset, size);
    }
    GOFARM_CHECK(entry.home != nullptr);
    GOFARM_ASSIGN_OR_RETURN(std::string text, io::ExpandZstdFrame(entry.home->packed));
    if (expanded_.size() >= kTextsKept) expanded_.pop_front();
    expanded_.emplace_back(entry.home, std::make_unique<const std::string>(std::move(text)));
    return std::string_view(*expanded_.back().second).substr(entry.home_offset, size);
  }

 private:
  std::deque<std::pair<FramePtr, std::unique_ptr<const std::string>>> expanded_;
};

Index::Index(IndexOptions options) : options_(std::move(options)) {
  for (const Target target : kAllTargets) {
    hosts_[target].target = target;
    dirty_files_.emplace(target, 0);
  }
  for (int i = 0; i < kShards; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    dirty_shards_.insert({kDigits[static_cast<size_t>(i / 16)], kDigits[static_cast<size_t>(i % 16)]});
  }
}

Index::~Index() = default;

void Index::MarkDirty(const Entry& entry) {
  dirty_files_.emplace(entry.target, entry.year);
  if (entry.newest) dirty_files_.emplace(entry.target, 0);
  dirty_shards_.insert(entry.shard);
}

void Index::SettleNewest(const std::string& program) {
  const auto at = of_program_.find(program);
  if (at == of_program_.end()) return;
  std::vector<std::string> versions;
  for (const Entry* entry : at->second) versions.push_back(entry->item.version);
  const std::optional<size_t> newest = ChooseVersion(versions, "latest");
  for (size_t i = 0; i < versions.size(); ++i) {
    Entry& entry = *at->second[i];
    const bool is_newest = newest == i;
    if (entry.newest == is_newest) continue;
    entry.newest = is_newest;
    dirty_files_.emplace(entry.target, 0);
  }
}

absl::Status Index::Put(const RecordInput& p) {
  GOFARM_ASSIGN_OR_RETURN(const Record record, MakeRecord(p, options_.publisher, RecordForm::kIndex));
  const std::string text = CompactJson(record);
  GOFARM_CHECK(text.size() <= kRecordBytesMax);
  auto entry = std::make_unique<Entry>();
  entry->item = {.module = p.module,
                 .version = p.version,
                 .path = p.import_path,
                 .name = p.name,
                 .target = {.host = HostName(p.target),
                            .size = p.size,
                            .sha256 = p.sha256,
                            .url = p.download_url,
                            .provenance_url = CleanUrl(p.provenance_url),
                            .reproduced = std::string(record.Text("reproduced"))}};
  entry->target = p.target;
  entry->year = static_cast<int>(absl::ToCivilYear(p.built_at, absl::UTCTimeZone()).year());
  entry->digest = digest::Sha256Hex(text);
  entry->program = ProgramKey(p.module, p.import_path, p.target);
  entry->identity = Joined(entry->program, p.version);
  entry->shard = ShardOf(p.module);
  entry->key = {.pkg = std::string(record.Text("pkg")),
                .version = std::string(record.Text("version")),
                .pkg_id = std::string(record.Text("pkg_id"))};
  entry->ends_frame = EndsFrame(Joined(entry->key.pkg, entry->key.version, entry->key.pkg_id));
  entry->text_bytes = static_cast<int64_t>(text.size());
  entry->text = text;  // a copy has no room that it does not need

  HostRecords& host = hosts_.at(p.target);
  const auto same = by_identity_.find(entry->identity);
  const auto taken = host.entries.find(entry->key);
  if (taken != host.entries.end() && taken->second->identity != entry->identity) {
    const ShardItem& other = taken->second->item;
    return absl::AlreadyExistsError(Cat("publish ", p.import_path, "@", p.version, " for ", HostName(p.target),
                                        ": clients cannot tell it from ", other.path, "@", other.version,
                                        " by name, version and id; withdraw one of them"));
  }
  if (same != by_identity_.end()) {
    if (same->second->digest == entry->digest) return absl::OkStatus();
    Drop(*same->second);
  } else if (size_ >= options_.records_max) {
    return absl::ResourceExhaustedError(Cat("the index holds ", size_, " records, which is all it may"));
  }
  Entry& kept = *(host.entries[entry->key] = std::move(entry));
  ++size_;
  by_identity_[kept.identity] = &kept;
  of_program_[kept.program].push_back(&kept);
  of_shard_[kept.shard].insert(&kept);
  SettleNewest(kept.program);
  MarkDirty(kept);
  return absl::OkStatus();
}

// Takes it out of everything; the entry is gone afterwards.
void Index::Drop(Entry& entry) {
  MarkDirty(entry);
  --size_;
  by_identity_.erase(entry.identity);
  of_shard_[entry.shard].erase(&entry);
  std::vector<Entry*>& versions = of_program_[entry.program];
  versions.erase(std::find(versions.begin(), versions.end(), &entry));
  const std::string program = entry.program;
  if (versions.empty()) of_program_.erase(program);
  auto& entries = hosts_.at(entry.target).entries;
  entries.erase(entries.find(entry.key));
  SettleNewest(program);
}

bool Index::Remove(std::string_view module, std::string_view version, std::string_view import_path, Target target) {
  const auto at = by_identity_.find(Joined(ProgramKey(module, import_path, target), version));
  if (at == by_identity_.end()) return false;
  Drop(*at->second);
  return true;
}

absl::StatusOr<Index::FramePtr> Index::Fixed(std::string_view text) {
  std::weak_ptr<const Frame>& known = frames_[std::string(text)];
  if (FramePtr frame = known.lock()) return frame;
  GOFARM_ASSIGN_OR_RETURN(std::string packed, io::ZstdFrame(text, kIndexZstdLevel));
  FramePtr frame = std::make_shared<const Frame>(
      Frame{.packed = std::move(packed), .text_bytes = static_cast<int64_t>(text.size())});
  known = frame;
  return frame;
}

absl::StatusOr<Index::FramePtr> Index::FrameOf(const std::vector<Entry*>& records, bool first, Texts& texts) {
  digest::Sha256 hasher;
  hasher.Update(first ? "first" : "later");
  for (const Entry* record : records) hasher.Update(record->digest);
  std::weak_ptr<const Frame>& known = frames_[hasher.HexAndReset()];
  if (FramePtr frame = known.lock()) return frame;
  std::string text;
  for (const Entry* record : records) {
    if (!first || record != records.front()) text += kBetween;
    GOFARM_ASSIGN_OR_RETURN(const std::string_view of_record, texts.Of(*record));
    text += of_record;
  }
  GOFARM_ASSIGN_OR_RETURN(std::string packed, io::ZstdFrame(text, kIndexZstdLevel));
  ++frames_compressed_;
  FramePtr frame = std::make_shared<const Frame>(
      Frame{.packed = std::move(packed), .text_bytes = static_cast<int64_t>(text.size())});
  known = frame;
  return frame;
}

absl::Status Index::RenderHostFile(HostRecords& host, int year, Texts& texts) {
  // What goes into which frame, and which frames into which part.
  constexpr auto kFixedBytes = static_cast<int64_t>(kOpen.size() + kClose.size());
  std::vector<Plan> plans;
  int64_t part_bytes = kFixedBytes;
  Plan plan{.first = true};
  const auto end_frame = [&] {
    if (plan.records.empty()) return;
    if (part_bytes + plan.bytes > options_.file_bytes_max && !plan.first) {
      part_bytes = kFixedBytes;
      plan.first = true;
    }
    part_bytes += plan.bytes;
    plans.push_back(std::exchange(plan, Plan{}));
  };
  for (auto& [key, entry] : host.entries) {
    if (year == 0 ? !entry->newest : entry->year != year) continue;
    plan.records.push_back(entry.get());
    plan.bytes += entry->text_bytes + static_cast<int64_t>(kBetween.size());
    if (entry->ends_frame || plan.bytes >= kFrameBytesMax) end_frame();
  }
  end_frame();

  std::vector<FramePtr> kept;
  std::vector<std::string> parts;
  GOFARM_ASSIGN_OR_RETURN(const FramePtr open, Fixed(kOpen));
  GOFARM_ASSIGN_OR_RETURN(const FramePtr close, Fixed(kClose));
  std::vector<size_t> part_sizes;
  for (const Plan& frame_plan : plans) {
    GOFARM_ASSIGN_OR_RETURN(const FramePtr frame, FrameOf(frame_plan.records, frame_plan.first, texts));
    kept.push_back(frame);
    if (frame_plan.first) part_sizes.push_back(open->packed.size() + close->packed.size());
    part_sizes.back() += frame->packed.size();
    if (year == 0) continue;
    size_t offset = 0;
    for (Entry* record : frame_plan.records) {
      if (!frame_plan.first || record != frame_plan.records.front()) offset += kBetween.size();
      record->home = frame;
      record->home_offset = offset;
      offset += static_cast<size_t>(record->text_bytes);
    }
  }
  for (size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].first) {
      if (!parts.empty()) parts.back() += close->packed;
      parts.emplace_back().reserve(part_sizes[parts.size() - 1]);
      parts.back() += open->packed;
    }
    parts.back() += kept[i]->packed;
  }
  if (!parts.empty()) parts.back() += close->packed;
  if (parts.empty() && year == 0) {
    GOFARM_ASSIGN_OR_RETURN(const FramePtr empty, Fixed(kEmptyArray));
    parts.push_back(empty->packed);
    kept.push_back(empty);
  }
  kept.push_back(open);
  kept.push_back(close);
  int number = 0;
  for (std::string& bytes : parts) {
    const std::string name = FileName(host.target, year, ++number);
    std::string sha256 = digest::Sha256Hex(bytes);
    IndexFile& file = files_[name];
    if (file.sha256 == sha256) continue;
    file = {.name = name, .bytes = std::make_shared<const std::string>(std::move(bytes)), .sha256 = std::move(sha256)};
  }
  while (files_.erase(FileName(host.target, year, ++number)) > 0) {
  }
  frames_of_file_[{host.target, year}] = std::move(kept);
  return absl::OkStatus();
}

void Index::RenderShard(const std::string& shard) {
  std::vector<const ShardItem*> items;
  for (const Entry* entry : of_shard_[shard]) items.push_back(&entry->item);
  std::string text = ShardJson(shard, items);
  const std::string name = ShardFile(shard);
  std::string sha256 = digest::Sha256Hex(text);
  if (files_[name].sha256 == sha256) return;
  files_[name] = {
      .name = name, .bytes = std::make_shared<const std::string>(std::move(text)), .sha256 = std::move(sha256)};
}

absl::StatusOr<std::vector<IndexFile>> Index::Render() {
  Texts texts;
  // Newest first: what they need may stand only in frames that the years' files are about to give up, and frames that
  // both share are made once.
  std::set<Target> stored;
  while (!dirty_files_.empty()) {
    const auto [target, year] = *dirty_files_.begin();
    GOFARM_RETURN_IF_ERROR(RenderHostFile(hosts_.at(target), year, texts));
    if (year != 0) stored.insert(target);
    dirty_files_.erase(dirty_files_.begin());
  }
  for (const Target target : stored) {
    for (auto& [key, entry] : hosts_.at(target).entries) {
      if (entry->home != nullptr) std::string().swap(entry->text);
    }
  }
  absl::erase_if(frames_, [](const auto& frame) { return frame.second.expired(); });
  for (const std::string& shard : dirty_shards_) RenderShard(shard);
  dirty_shards_.clear();
  std::vector<IndexFile> out;
  out.reserve(files_.size());
  for (const auto& [name, file] : files_) out.push_back(file);
  return out;
}

}  // namespace gofarm::publish
