#include "coordinator/publish/shards.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/publish/versions.h"

namespace gofarm::publish {
namespace {

struct NewestFirst {
  bool operator()(const std::string& a, const std::string& b) const { return CompareVersions(a, b) > 0; }
};
using Programs = std::map<std::pair<std::string, std::string>, std::map<std::string, const LookupTarget*>>;
using Modules = std::map<std::string, std::map<std::string, Programs, NewestFirst>>;

LookupShard Shard(std::string_view shard, const Modules& modules, size_t versions_max) {
  LookupShard out{.shard = std::string(shard)};
  for (const auto& [module, versions] : modules) {
    LookupModule& m = out.modules.emplace_back(LookupModule{.module = module});
    for (const auto& [version, programs] : versions) {
      if (m.versions.size() >= versions_max) break;
      LookupVersion& v = m.versions.emplace_back(LookupVersion{.version = version});
      for (const auto& [program, targets] : programs) {
        LookupProgram& p = v.programs.emplace_back(LookupProgram{.path = program.first, .name = program.second});
        for (const auto& [host, target] : targets) p.targets.push_back(*target);
      }
    }
  }
  return out;
}

}  // namespace

std::string ShardJson(std::string_view shard, absl::Span<const ShardItem* const> items, int64_t bytes_max) {
  Modules modules;
  for (const ShardItem* item : items) {
    modules[item->module][item->version][{item->path, item->name}][item->target.host] = &item->target;
  }
  std::string text;
  for (size_t versions_max = kShardVersionsMax;; versions_max /= 2) {
    text = json::Write(Shard(shard, modules, versions_max));
    if (static_cast<int64_t>(text.size()) <= bytes_max || versions_max == 0) return text;
  }
}

}  // namespace gofarm::publish
