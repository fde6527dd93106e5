#include "worker/fetch/package_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::fetch {
namespace {

constexpr int64_t kSourceFileMax = 16 << 20;
constexpr size_t kFilesMax = 2000;
constexpr size_t kHeaderMax = 64 << 10;

}  // namespace

PackageReader DiskReader() {
  PackageReader reader;
  reader.read_file = [](const std::string& path) -> std::optional<std::string> {
    absl::StatusOr<std::string> text = io::ReadFile(path, kSourceFileMax);
    if (!text.ok()) return std::nullopt;
    return *std::move(text);
  };
  reader.go_files_in = [](const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      std::string name = entry.path().filename().string();
      if (name.ends_with(".go")) names.push_back(std::move(name));
      if (names.size() == kFilesMax) break;
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  return reader;
}

std::optional<gomod::ConstraintLines> ConstraintsOf(const PackageReader& reader, const std::string& folder,
                                                    const std::string& file) {
  const std::optional<std::string> text = reader.read_file(Cat(folder, "/", file));
  if (!text.has_value()) return std::nullopt;
  absl::StatusOr<gomod::ConstraintLines> lines = gomod::FindConstraints(std::string_view(*text).substr(0, kHeaderMax));
  if (!lines.ok()) return std::nullopt;
  return *std::move(lines);
}

bool Counts(const PackageReader& reader, const std::string& folder, const std::string& file, Target target,
            std::string_view go_version, const std::vector<std::string>& experiments) {
  const gomod::BuildTags tags(InfoOf(target).goarch, go_version, gomod::RecipeTags(), experiments);
  if (!gomod::FileNameFits(file, tags)) return false;
  const std::optional<gomod::ConstraintLines> lines = ConstraintsOf(reader, folder, file);
  return !lines.has_value() || gomod::ConstraintsHold(*lines, tags).value_or(true);
}

bool LacksTarget(const PackageReader& reader, const std::string& folder, Target target, std::string_view go_version) {
  const std::vector<std::string> files = reader.go_files_in(folder);
  return std::any_of(files.begin(), files.end(), [&](const std::string& file) {
    return !file.ends_with("_test.go") && !Counts(reader, folder, file, target, go_version) &&
           Counts(reader, folder, file, Target::kX86_64, go_version);
  });
}

}  // namespace gofarm::fetch
