#include "common/publish/lookup.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/publish/versions.h"

namespace gofarm::publish {
namespace {

constexpr size_t kShownMax = 300;
constexpr size_t kShownVersions = 10;
constexpr std::array<std::string_view, 5> kHostsWithOwners = {"github.com", "gitlab.com", "bitbucket.org",
                                                              "codeberg.org", "gitee.com"};

std::string_view FirstElements(std::string_view path, int count) {
  size_t end = 0;
  for (int i = 0; i < count; ++i) {
    end = path.find('/', end + (i > 0 ? 1 : 0));
    if (end == std::string_view::npos) return path;
  }
  return path.substr(0, end);
}

std::string ShardOfKey(std::string_view key) { return digest::Sha256Hex(key).substr(0, 2); }

std::string_view KeyOf(std::string_view path) {
  const std::string_view host = FirstElements(path, 1);
  const bool owners = std::find(kHostsWithOwners.begin(), kHostsWithOwners.end(), host) != kHostsWithOwners.end();
  return FirstElements(path, owners ? 3 : 2);
}

const LookupTarget* TargetFor(const LookupProgram& program, std::string_view host) {
  const auto at = std::find_if(program.targets.begin(), program.targets.end(),
                               [&](const LookupTarget& target) { return target.host == host; });
  return at == program.targets.end() ? nullptr : &*at;
}

std::vector<std::string> PathsFor(const LookupVersion& version, std::string_view host) {
  std::vector<std::string> paths;
  for (const LookupProgram& program : version.programs) {
    if (TargetFor(program, host) != nullptr) paths.push_back(program.path);
  }
  return paths;
}

std::string Shown(std::string_view text) { return EscapeAndClip(text, kShownMax); }

// Only versions that have the path asked for, when that is more than the module's, count: "latest" of a program that
// went away is the last version that had it.
absl::StatusOr<Resolved> ResolveIn(const LookupModule& module, const Address& address, std::string_view host) {
  std::vector<const LookupVersion*> here;
  std::vector<std::string> versions;
  std::set<std::string> elsewhere, paths_here;
  for (const LookupVersion& version : module.versions) {
    for (const LookupProgram& program : version.programs) {
      for (const LookupTarget& target : program.targets) elsewhere.insert(target.host);
    }
    const std::vector<std::string> paths = PathsFor(version, host);
    if (paths.empty()) continue;
    paths_here.insert(paths.begin(), paths.end());
    const bool has_path = std::find(paths.begin(), paths.end(), address.path) != paths.end();
    if (address.path != module.module && !has_path) continue;
    here.push_back(&version);
    versions.push_back(version.version);
  }
  if (paths_here.empty()) {
    return absl::NotFoundError(
        Cat(Shown(module.module), " is not published for ", Shown(host),
            ", but for: ", elsewhere.empty() ? "nothing" : EscapeAndClip(absl::StrJoin(elsewhere, ", "), kShownMax)));
  }
  if (here.empty()) {
    const std::vector<std::string> paths(paths_here.begin(), paths_here.end());
    return ChooseProgram(module.module, address.path, paths).status();
  }
  const std::optional<size_t> chosen = ChooseVersion(versions, address.version);
  if (!chosen) {
    versions.resize(std::min(versions.size(), kShownVersions));
    return absl::NotFoundError(Cat(Shown(address.path), " has no version ", Shown(address.version), " for ",
                                   Shown(host),
                                   "; the newest are: ", EscapeAndClip(absl::StrJoin(versions, ", "), kShownMax)));
  }
  const LookupVersion& version = *here[*chosen];
  const std::vector<std::string> paths = PathsFor(version, host);
  GOFARM_ASSIGN_OR_RETURN(const size_t program_at, ChooseProgram(module.module, address.path, paths));
  const auto program = std::find_if(version.programs.begin(), version.programs.end(), [&](const LookupProgram& p) {
    return p.path == paths[program_at] && TargetFor(p, host) != nullptr;
  });
  return Resolved{.module = module.module,
                  .version = version.version,
                  .path = program->path,
                  .name = program->name,
                  .target = *TargetFor(*program, host)};
}

}  // namespace

std::string ShardOf(std::string_view module) { return ShardOfKey(KeyOf(module)); }

std::string ShardFile(std::string_view shard) { return Cat("shards/", shard, ".json"); }

std::vector<std::string> ShardsOfAddress(std::string_view path) {
  std::vector<std::string> shards = {ShardOf(path)};
  // A module that is a host alone has that host as its key.
  const std::string of_host = ShardOfKey(FirstElements(path, 1));
  if (KeyOf(path) != FirstElements(path, 1) && of_host != shards[0]) shards.push_back(of_host);
  return shards;
}

absl::StatusOr<LookupShard> ReadShard(std::string_view text, std::string_view shard) {
  if (static_cast<int64_t>(text.size()) > kShardBytesMax) {
    return absl::ResourceExhaustedError(Cat(ShardFile(shard), " has more than ", kShardBytesMax, " bytes"));
  }
  LookupShard out{.format = 0};
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(text, json::Rule::kLenient, out), ShardFile(shard));
  if (out.format != kShardFormat) {
    return absl::InvalidArgumentError(
        Cat(ShardFile(shard), " has format ", out.format, ", this program reads ", kShardFormat, ": get a newer one"));
  }
  if (out.shard != shard) {
    return absl::InvalidArgumentError(Cat(ShardFile(shard), " says that it is shard ", Shown(out.shard)));
  }
  return out;
}

absl::StatusOr<Resolved> Resolve(absl::Span<const LookupShard> shards, const Address& address, std::string_view host) {
  absl::Status first;
  for (const std::string& candidate : CandidateModules(address.path)) {
    for (const LookupShard& shard : shards) {
      const auto module = std::find_if(shard.modules.begin(), shard.modules.end(),
                                       [&](const LookupModule& m) { return m.module == candidate; });
      if (module == shard.modules.end()) continue;
      absl::StatusOr<Resolved> resolved = ResolveIn(*module, address, host);
      // A module inside another one does not hide what the outer one has at that path.
      if (resolved.ok() || absl::IsInvalidArgument(resolved.status())) return resolved;
      if (first.ok()) first = resolved.status();
    }
  }
  if (!first.ok()) return first;
  return absl::NotFoundError(Cat("nothing is published of ", Shown(address.path)));
}

}  // namespace gofarm::publish
