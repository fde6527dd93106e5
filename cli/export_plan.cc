#include "cli/export_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/base/text.h"

namespace gofarm::cli {
namespace {

constexpr size_t kElementMax = 200;  // file systems take 255 bytes; a suffix may follow

std::string SafePath(std::string_view text) {
  std::string out;
  size_t begin = 0;
  while (begin <= text.size()) {
    size_t end = text.find('/', begin);
    if (end == std::string_view::npos) end = text.size();
    if (!out.empty()) out += '/';
    out += SafeElement(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

// The package path inside the module, as one element: "cmd_tool"; the module's own last element for its root.
std::string PackageName(const ExportItem& item) {
  std::string_view rest = item.import_path;
  if (rest == item.module) {
    rest = rest.substr(rest.rfind('/') == std::string_view::npos ? 0 : rest.rfind('/') + 1);
  } else if (rest.size() > item.module.size() && rest.substr(0, item.module.size()) == item.module &&
             rest[item.module.size()] == '/') {
    rest = rest.substr(item.module.size() + 1);
  }
  std::string name(rest);
  std::replace(name.begin(), name.end(), '/', '_');
  return SafeElement(name);
}

}  // namespace

std::string SafeElement(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("._-~+@!").find(c) != std::string_view::npos;
    out += plain ? c : '_';
  }
  if (out.size() > kElementMax) out.resize(kElementMax);
  if (out.empty()) return "_";
  if (out[0] == '.') out[0] = '_';
  return out;
}

std::vector<ExportFile> PlanExport(const std::vector<ExportItem>& programs, const std::vector<ExportItem>& attached) {
  // A retried job leaves its older one in the batch.
  std::map<std::tuple<std::string, std::string, std::string>, int64_t> newest;
  for (const std::vector<ExportItem>* items : {&programs, &attached}) {
    for (const ExportItem& item : *items) {
      int64_t& job = newest.try_emplace({item.module, item.version, item.target}, item.job_id).first->second;
      job = std::max(job, item.job_id);
    }
  }
  const auto is_old = [&](const ExportItem& item) {
    return newest.at({item.module, item.version, item.target}) != item.job_id;
  };
  std::vector<ExportFile> files;
  std::set<std::string> taken;
  const auto add = [&](std::string path, const ExportItem& item) {
    const std::string wanted = path;
    for (int n = 2; taken.count(path) != 0; ++n) path = Cat(wanted, "-", n);
    taken.insert(path);
    files.push_back({.path = std::move(path), .item = item});
  };
  const auto path_of = [](const ExportItem& item) {
    return Cat(SafePath(Cat(item.module, "@", item.version)), "/", SafeElement(item.target), "/",
               SafeElement(item.name));
  };
  std::set<std::tuple<int64_t, std::string, std::string>> done;
  for (const ExportItem& item : attached) {
    if (is_old(item)) continue;
    add(path_of(item), item);
    if (item.kind == kExecutableKind) done.emplace(item.job_id, item.import_path, item.sha256);
  }
  std::map<std::string, std::vector<const ExportItem*>> by_path;
  for (const ExportItem& item : programs) {
    if (is_old(item) || !done.emplace(item.job_id, item.import_path, item.sha256).second) continue;
    by_path[path_of(item)].push_back(&item);
  }
  for (const auto& [path, same] : by_path) {
    if (same.size() == 1) add(path, *same[0]);
  }
  for (const auto& [path, same] : by_path) {
    if (same.size() == 1) continue;
    for (const ExportItem* item : same) add(Cat(path.substr(0, path.rfind('/') + 1), PackageName(*item)), *item);
  }
  std::sort(files.begin(), files.end(), [](const ExportFile& a, const ExportFile& b) { return a.path < b.path; });
  return files;
}

std::string SumLine(const ExportFile& file) { return Cat(file.item.sha256, "  ", file.path, "\n"); }

}  // namespace gofarm::cli
