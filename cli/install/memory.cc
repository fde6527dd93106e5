#include "cli/install/memory.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/sync/wait.h"

namespace gofarm::install {
namespace {

constexpr absl::Duration kTurnLook = absl::Milliseconds(10);

absl::StatusOr<io::FileLock> TakeTurn(const Scope& scope, const std::string& path) {
  const Scope turn = scope.Within(kMemoryTurnMax);
  while (true) {
    absl::StatusOr<io::FileLock> lock = io::FileLock::TryAcquire(path);
    if (!absl::IsUnavailable(lock.status()) || turn.Done()) return lock;
    sync::SleepFor(turn.stop, kTurnLook);
  }
}

}  // namespace

const RememberedIndex* Memory::Find(std::string_view url) const {
  const auto at =
      std::find_if(indexes.begin(), indexes.end(), [&](const RememberedIndex& index) { return index.url == url; });
  return at == indexes.end() ? nullptr : &*at;
}

void Memory::Put(RememberedIndex index) {
  const auto old = std::find_if(indexes.begin(), indexes.end(),
                                [&](const RememberedIndex& other) { return other.url == index.url; });
  if (old == indexes.end()) {
    indexes.push_back(std::move(index));
  } else {
    if (old->key == index.key) index.generation = std::max(index.generation, old->generation);
    const absl::Time used_at = std::exchange(index.used_at, old->used_at);
    if (index != *old || used_at >= old->used_at + kUsedAtStep) index.used_at = used_at;
    *old = std::move(index);
  }
  while (indexes.size() > kIndexesMax) {
    indexes.erase(
        std::min_element(indexes.begin(), indexes.end(), [&](const RememberedIndex& a, const RememberedIndex& b) {
          return std::pair(a.url == usual, a.used_at) < std::pair(b.url == usual, b.used_at);
        }));
  }
}

std::string MemoryFile(std::string_view config_folder) { return Cat(config_folder, "/indexes.json"); }

absl::StatusOr<Memory> ReadMemory(const std::string& path) {
  absl::StatusOr<std::string> text = io::ReadFile(path, kMemoryBytesMax);
  if (absl::IsNotFound(text.status())) return Memory{};
  if (!text.ok()) return text.status();
  Memory memory{.format = 0};
  const absl::Status read = json::Read(*text, json::Rule::kLenient, memory);
  if (read.ok() && memory.format == kMemoryFormat) return memory;
  return absl::FailedPreconditionError(
      Cat(path, " does not hold what was remembered of indexes",
          read.ok() ? Cat(" (format ", memory.format, ")") : Cat(": ", Sv(read.message())),
          "; get a newer gofarm, or remove the file and name the index again with --index and --key"));
}

absl::Status ChangeMemory(const Scope& scope, const std::string& path, const std::function<void(Memory&)>& change) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(path.substr(0, path.rfind('/')), 0700));
  GOFARM_ASSIGN_OR_RETURN(const io::FileLock turn, TakeTurn(scope, path + ".lock"));
  GOFARM_ASSIGN_OR_RETURN(Memory memory, ReadMemory(path));
  const Memory before = memory;
  change(memory);
  if (memory == before) return absl::OkStatus();
  return io::WriteFileAtomic(path, json::Write(memory), 0600);
}

}  // namespace gofarm::install
