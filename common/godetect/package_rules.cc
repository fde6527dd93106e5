#include "common/godetect/package_rules.h"

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace gofarm::godetect {
namespace {

enum class Part { kNo, kYes, kStop };

// Does the file belong to the package? Its header is known.
Part PartOfPackage(const GoFile& file, const gomod::BuildTags& tags) {
  if (!file.header->readable) return Part::kNo;
  const absl::StatusOr<bool> holds = gomod::ConstraintsHold(file.header->constraints, tags);
  // A //go:build line that is no expression ends the reading of the folder.
  if (!holds.ok()) return Part::kStop;
  return *holds && file.header->package != "documentation" ? Part::kYes : Part::kNo;
}

// What the file says the package's name is, when that is `so_far` until now: a test may be of the package x_test.
std::string_view NameIn(const GoFile& file, std::string_view so_far) {
  const std::string_view name = file.header->package;
  if (file.test && name != so_far && absl::EndsWith(Av(name), "_test")) return name.substr(0, name.size() - 5);
  return name;
}

}  // namespace

std::string_view BaseOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool IsGoFile(std::string_view path) {
  const std::string_view base = BaseOf(path);
  return absl::EndsWith(Av(base), ".go") && base[0] != '_' && base[0] != '.';
}

bool IsTestFile(std::string_view path) { return absl::EndsWith(Av(path), "_test.go"); }

bool IsPackageFolder(std::string_view dir, const gomod::GoModFile& go_mod) {
  if (dir.empty()) return true;
  const std::vector<absl::string_view> elements = absl::StrSplit(Av(dir), '/');
  for (size_t i = 0; i < elements.size(); ++i) {
    const absl::string_view element = elements[i];
    if (element.empty() || element[0] == '_' || element[0] == '.' || element == "testdata") return false;
    // A package that is called vendor itself may be, for historical reasons.
    if (element == "vendor" && i + 1 < elements.size()) return false;
  }
  // An ignored folder takes what lies below it along.
  for (size_t end = dir.find('/');; end = dir.find('/', end + 1)) {
    if (gomod::IsIgnoredFolder(go_mod, dir.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
  }
}

NameAnswer NameOf(const std::vector<GoFile>& files, size_t target, const gomod::BuildTags& tags) {
  for (size_t i = 0; i < files.size(); ++i) {
    const GoFile& file = files[i];
    if (!file.fits[target]) continue;
    if (!file.header) return {.unknown = i};
    const Part part = PartOfPackage(file, tags);
    if (part == Part::kStop) break;
    if (part == Part::kNo) continue;
    const std::string_view name = NameIn(file, "");
    if (!name.empty()) return {.name = std::string(name)};
  }
  return {};
}

PackageFiles FilesOf(const std::vector<GoFile>& files, size_t target, const gomod::BuildTags& tags) {
  PackageFiles package;
  std::string first;
  for (size_t i = 0; i < files.size(); ++i) {
    const GoFile& file = files[i];
    if (!file.fits[target] || !file.header) continue;
    const Part part = PartOfPackage(file, tags);
    if (part == Part::kStop) {
      if (package.conflict.empty()) package.conflict = Cat(file.name, ": its //go:build line is no expression");
      break;
    }
    if (part == Part::kNo) continue;
    const std::string_view name = NameIn(file, package.name);
    if (package.name.empty()) {
      package.name = std::string(name);
      first = file.name;
    } else if (name != package.name && package.conflict.empty()) {
      package.conflict = Cat("found packages ", package.name, " (", first, ") and ", name, " (", file.name, ")");
    }
    if (!file.test) package.files.push_back(i);
  }
  return package;
}

}  // namespace gofarm::godetect
