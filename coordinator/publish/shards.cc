#include "coordinator/publish/shards.h"

#include <limits>
#include <map>
#include <utility>

#include "common/base/text.h"
#include "common/json/quote.h"
#include "common/publish/versions.h"

namespace gofarm::publish {
namespace {

struct NewestFirst {
  bool operator()(const std::string& a, const std::string& b) const { return CompareVersions(a, b) > 0; }
};
using Programs = std::map<std::pair<std::string, std::string>, std::map<std::string, const LookupTarget*>>;
using Modules = std::map<std::string, std::map<std::string, Programs, NewestFirst>>;

void AppendField(std::string& out, std::string_view key, std::string_view text) {
  out += Cat("\"", key, "\":");
  AppendJsonString(out, text);
}

// `append` writes one item of a list.
template <typename Items, typename Append>
void AppendList(std::string& out, std::string_view key, const Items& items, size_t count_max, std::string_view between,
                const Append& append) {
  out += Cat(",\"", key, "\":[");
  size_t count = 0;
  for (const auto& item : items) {
    if (count >= count_max) break;
    if (count++ > 0) out += between;
    append(item);
  }
  out += ']';
}

// The fields of common/publish/lookup.h without blanks, of which there would be more than of all else; a module a line.
std::string Written(std::string_view shard, const Modules& modules, size_t versions_max) {
  constexpr size_t kAll = std::numeric_limits<size_t>::max();
  std::string out = Cat("{\"format\":", kShardFormat, ",");
  AppendField(out, "shard", shard);
  AppendList(out, "modules", modules, kAll, ",\n", [&](const auto& module) {
    out += '{';
    AppendField(out, "module", module.first);
    AppendList(out, "versions", module.second, versions_max, ",", [&](const auto& version) {
      out += '{';
      AppendField(out, "version", version.first);
      AppendList(out, "programs", version.second, kAll, ",", [&](const auto& program) {
        out += '{';
        AppendField(out, "path", program.first.first);
        out += ',';
        AppendField(out, "name", program.first.second);
        AppendList(out, "targets", program.second, kAll, ",", [&](const auto& host) {
          const LookupTarget& target = *host.second;
          out += '{';
          AppendField(out, "host", target.host);
          out += Cat(",\"size\":", target.size, ",");
          AppendField(out, "sha256", target.sha256);
          out += ',';
          AppendField(out, "url", target.url);
          out += ',';
          AppendField(out, "provenance_url", target.provenance_url);
          out += ',';
          AppendField(out, "reproduced", target.reproduced);
          out += '}';
        });
        out += '}';
      });
      out += '}';
    });
    out += '}';
  });
  out += "}\n";
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
    text = Written(shard, modules, versions_max);
    if (static_cast<int64_t>(text.size()) <= bytes_max || versions_max == 0) return text;
  }
}

}  // namespace gofarm::publish
