#include "common/config/toolsets.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "gofarm_toolsets_embedded.h"

namespace gofarm::config {
namespace {

// Names end up in paths: letters, digits, dots, dashes, plus and underscore, not starting with a dot.
bool IsPlainName(std::string_view text) {
  static constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+_";
  return !text.empty() && text.size() <= 100 && text[0] != '.' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

Archive ReadArchive(Table& t) {
  Archive a;
  a.kind = t.Str("kind", "");
  a.version = t.Str("version", "");
  a.host_arch = t.Str("host_arch", "");
  a.source = t.Str("source", "");
  a.locator = t.Str("locator", "");
  a.sha256 = t.Str("sha256", "");
  static constexpr std::array<std::string_view, 2> kKinds = {"go", "zig"};
  static constexpr std::array<std::string_view, 4> kSources = {"goproxy", "pypi", "url", "folder"};
  if (std::find(kKinds.begin(), kKinds.end(), a.kind) == kKinds.end()) t.Fault("kind", "must be go or zig");
  if (!IsPlainName(a.version)) t.Fault("version", "must be a version such as 1.26.8");
  if (!IsPlainName(a.host_arch)) t.Fault("host_arch", "must be an architecture such as x86_64");
  if (std::find(kSources.begin(), kSources.end(), a.source) == kSources.end()) {
    t.Fault("source", "must be goproxy, pypi, url or folder");
  }
  if (a.locator.empty() || a.locator[0] == '-') t.Fault("locator", "says where the archive is found");
  if (!IsLowerHex(a.sha256)) t.Fault("sha256", "must be 64 lower-case hexadecimal digits");
  return a;
}

}  // namespace

absl::StatusOr<ToolsetFile> ReadToolsets(Table table) {
  ToolsetFile file;
  std::set<std::string> names;
  {
    std::vector<Table> toolsets = table.Tables("toolset");
    for (Table& t : toolsets) {
      Toolset set;
      set.name = t.Str("name", "");
      set.go_versions = t.StrList("go_versions", {});
      set.previous_go = t.Str("previous_go", "");
      set.zig_version = t.Str("zig_version", "");
      if (!IsPlainName(set.name)) t.Fault("name", "must be of letters, digits, dots and dashes");
      if (!names.insert(set.name).second) t.Fault("name", Cat(set.name, " stands here twice"));
      if (set.go_versions.empty()) t.Fault("go_versions", "names no Go version");
      std::vector<Table> archives = t.Tables("archive");
      for (Table& a : archives) {
        Archive archive = ReadArchive(a);
        const bool twice = std::any_of(set.archives.begin(), set.archives.end(), [&](const Archive& former) {
          return former.kind == archive.kind && former.version == archive.version &&
                 former.host_arch == archive.host_arch;
        });
        if (twice) {
          a.Fault("version", Cat(EscapeForPrint(archive.kind), " ", EscapeForPrint(archive.version), " for ",
                                 EscapeForPrint(archive.host_arch), " hosts stands here twice"));
        }
        set.archives.push_back(std::move(archive));
      }
      const auto has = [&](std::string_view kind, std::string_view version) {
        return std::any_of(set.archives.begin(), set.archives.end(),
                           [&](const Archive& a) { return a.kind == kind && a.version == version; });
      };
      for (const std::string& go : set.go_versions) {
        if (!has("go", go)) t.Fault("go_versions", Cat("no archive for Go ", EscapeForPrint(go)));
      }
      if (!set.previous_go.empty() && !has("go", set.previous_go)) {
        t.Fault("previous_go", Cat("no archive for Go ", EscapeForPrint(set.previous_go)));
      }
      if (!has("zig", set.zig_version))
        t.Fault("zig_version", Cat("no archive for zig ", EscapeForPrint(set.zig_version)));
      file.toolsets.push_back(std::move(set));
    }
    std::vector<Table> bootstrap = table.Tables("bootstrap");
    for (Table& t : bootstrap) file.bootstrap.push_back(ReadArchive(t));
  }
  if (file.toolsets.empty()) table.Fault("toolset", "the file names no toolset");
  GOFARM_RETURN_IF_ERROR(table.Finish());
  return file;
}

absl::StatusOr<ToolsetFile> LoadToolsets(const std::string& path) { return ReadToolsets(Table::Load(path)); }

absl::StatusOr<ToolsetFile> BuiltInToolsets() {
  return ReadToolsets(Table::Parse(embedded::toolsets, "built-in toolsets"));
}

}  // namespace gofarm::config
