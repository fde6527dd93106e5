#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/godetect/module_source.h"
#include "common/io/fd.h"
#include "common/io/files.h"

namespace gofarm::godetect {
namespace {

namespace fs = std::filesystem;

class FolderSource final : public ModuleSource {
 public:
  explicit FolderSource(std::string folder) : folder_(std::move(folder)) {}

  absl::Status Open() {
    std::error_code error;
    const auto failed = [&](const std::string& path) { return ErrnoStatus(error.value(), Cat("read folder ", path)); };
    fs::recursive_directory_iterator at(folder_, error);
    if (error) return failed(folder_);
    for (const fs::recursive_directory_iterator end; at != end; at.increment(error)) {
      if (error) return failed(folder_);
      const fs::directory_entry& entry = *at;
      const fs::file_type type = entry.symlink_status(error).type();
      if (error) return failed(entry.path().string());
      const std::string base = entry.path().filename().string();
      if (type == fs::file_type::directory) {
        // Hidden folders hold nothing of a module but the workflows; a folder with a go.mod is another module.
        const bool hidden = base[0] == '.' && base != ".github";
        const bool other_module =
            fs::exists(entry.path() / "go.mod", error) && !fs::is_directory(entry.path() / "go.mod", error);
        if (hidden || other_module) at.disable_recursion_pending();
        continue;
      }
      if (type != fs::file_type::regular) continue;
      if (files_.size() >= kModuleFilesMax) {
        return absl::ResourceExhaustedError(Cat(folder_, ": more than ", kModuleFilesMax, " files"));
      }
      const auto size = entry.file_size(error);
      if (error) return failed(entry.path().string());
      files_.push_back(
          {.name = entry.path().lexically_relative(folder_).generic_string(), .size = static_cast<int64_t>(size)});
    }
    if (error) return failed(folder_);
    std::sort(files_.begin(), files_.end(), [](const SourceFile& a, const SourceFile& b) { return a.name < b.name; });
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Text>> Read(const Scope& scope, absl::Span<const Wish> wishes) override {
    std::vector<Text> texts;
    texts.reserve(wishes.size());
    for (const Wish& wish : wishes) {
      GOFARM_RETURN_IF_ERROR(scope.Check());
      const std::string path = Cat(folder_, "/", files_[wish.file].name);
      const io::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      if (!fd) return ErrnoStatus(errno, Cat("open ", path));
      const int64_t limit = wish.head ? std::min(wish.bytes_max, kHeadBytes) : wish.bytes_max;
      Text text;
      GOFARM_ASSIGN_OR_RETURN(text.text, ReadUpTo(fd.get(), limit, path));
      text.whole = static_cast<int64_t>(text.text.size()) < limit || limit >= files_[wish.file].size;
      texts.push_back(std::move(text));
    }
    return texts;
  }

 private:
  static absl::StatusOr<std::string> ReadUpTo(int fd, int64_t limit, const std::string& path) {
    std::string text;
    char buffer[16384];
    while (static_cast<int64_t>(text.size()) < limit) {
      const size_t want = std::min(sizeof buffer, static_cast<size_t>(limit) - text.size());
      const ssize_t n = read(fd, buffer, want);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, Cat("read ", path));
      if (n == 0) break;
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

  const std::string folder_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ModuleSource>> OpenFolder(const std::string& folder) {
  auto source = std::make_unique<FolderSource>(folder);
  GOFARM_RETURN_IF_ERROR(source->Open());
  return source;
}

}  // namespace gofarm::godetect
