// The files of the published index, made from records: per host what soar reads, and the look-up files of `gofarm
// install`.
//
//   HOST.json.zst         the newest version of each program: what clients are told to use
//   HOST-YEAR.json.zst    every version that was built in that year
//   shards/XX.json        see common/publish/lookup.h; all of them, so that what is missing is signed as missing
//
// A file is an array, sorted by (pkg, version, pkg_id), one record a line. The same records give the same bytes,
// whatever was added or taken away before. A file is made of zstd frames whose borders depend on the keys of the
// records near them, so a change makes one or two frames anew and all others keep their bytes. soar takes at most 256
// MiB: a file that would have more goes on as HOST.2.json.zst (HOST-YEAR.2.json.zst).
//
// Texts of records are kept as frames, not as texts: 100,000 records take about as much memory as their files. One
// thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/publish/record.h"
#include "coordinator/publish/shards.h"

namespace gofarm::publish {

inline constexpr int64_t kIndexFileBytesMax = int64_t{256} << 20;  // soar's own limit, unpacked
inline constexpr int kIndexZstdLevel = 3;
inline constexpr int64_t kIndexRecordsMax = 2'000'000;

struct IndexFile {
  std::string name;
  std::shared_ptr<const std::string> bytes;
  std::string sha256;  // of the bytes
};

struct IndexOptions {
  Publisher publisher;
  int64_t file_bytes_max = kIndexFileBytesMax;
  int64_t records_max = kIndexRecordsMax;
};

class Index {
 public:
  explicit Index(IndexOptions options = {});
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // Takes it in, in place of what was there of the same program, version and target. INVALID_ARGUMENT as MakeRecord;
  // ALREADY_EXISTS: a client could not tell it from another record; RESOURCE_EXHAUSTED: kIndexRecordsMax.
  absl::Status Put(const RecordInput& input);
  // Whether it was there.
  bool Remove(std::string_view module, std::string_view version, std::string_view import_path, Target target);
  int64_t size() const { return size_; }

  // All files, by name. Those that did not change since the last call share their bytes with it. RESOURCE_EXHAUSTED: no
  // memory; nothing is lost, and the next call tries again.
  absl::StatusOr<std::vector<IndexFile>> Render();

  // How many frames were compressed so far: what a change costs.
  int64_t frames_compressed() const { return frames_compressed_; }

 private:
  struct Frame;
  struct Entry;
  struct Key;
  struct HostRecords;
  struct Plan;
  class Texts;
  using FramePtr = std::shared_ptr<const Frame>;

  void MarkDirty(const Entry& entry);
  void SettleNewest(const std::string& program);
  void Drop(Entry& entry);
  absl::Status RenderHostFile(HostRecords& host, int year, Texts& texts);
  absl::StatusOr<FramePtr> FrameOf(const std::vector<Entry*>& records, bool first, Texts& texts);
  absl::StatusOr<FramePtr> Fixed(std::string_view text);
  void RenderShard(const std::string& shard);

  const IndexOptions options_;
  int64_t size_ = 0;
  int64_t frames_compressed_ = 0;
  std::map<Target, HostRecords> hosts_;
  absl::flat_hash_map<std::string, Entry*> by_identity_;              // module, version, path, target
  absl::flat_hash_map<std::string, std::vector<Entry*>> of_program_;  // module, path, target: its versions
  absl::flat_hash_map<std::string, absl::flat_hash_set<Entry*>> of_shard_;
  std::set<std::pair<Target, int>> dirty_files_;  // with the year; 0: the newest versions
  std::set<std::string> dirty_shards_;
  absl::flat_hash_map<std::string, std::weak_ptr<const Frame>> frames_;  // by what they hold
  std::map<std::string, IndexFile> files_;
  std::map<std::pair<Target, int>, std::vector<FramePtr>> frames_of_file_;
};

}  // namespace gofarm::publish
