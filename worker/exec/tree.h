// Folders that builds write to: hostile code chose the names, modes and links in them, so every step goes by file
// descriptor and follows no symbolic link. Thread-safe; another process may change the tree meanwhile.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/io/files.h"

namespace gofarm::exec {

// Removes a folder (or file) and all below it, also folders without permissions, such as overlayfs' work folder. What
// is not there is removed already.
absl::Status RemoveTree(const std::string& path);
// The same for one entry of an open folder; `name` holds no slash.
absl::Status RemoveTreeAt(int folder, const std::string& name);

// Bytes on disk below `path`: at least kEntryBytes for every file and folder, since empty ones use up a disk too.
// Unreadable or vanished parts count nothing. Gives up early at `enough` or on stop.
inline constexpr int64_t kEntryBytes = io::kBlockBytes;
int64_t TreeBytes(const std::string& path, int64_t enough, const std::stop_token& stop);
int64_t TreeBytesAt(int folder, const std::string& name, int64_t enough, const std::stop_token& stop);

// uid < 0: owners stay. for_all: a+rwX, else u+rwX,go=. Set-id and sticky bits go. Only regular files and folders
// change.
absl::Status GiveTree(const std::string& path, int uid, bool for_all);

}  // namespace gofarm::exec
