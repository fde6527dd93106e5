// The part of the published index that `gofarm install` asks: small signed files, each with everything about the
// modules that fall into it, so that one of them is enough to resolve, download and verify a program. Which file a
// module is in follows from the beginning of its path, so an address needs no list of modules to be found. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/json/fields.h"
#include "common/publish/address.h"

namespace gofarm::publish {

inline constexpr int kShards = 256;
inline constexpr int kShardFormat = 1;
inline constexpr int64_t kShardBytesMax = int64_t{8} << 20;
// Of one module, the newest ones; the others stand in the history of the index.
inline constexpr size_t kShardVersionsMax = 50;

struct LookupTarget {
  std::string host;  // "x86_64-Linux"
  int64_t size = 0;
  std::string sha256;
  std::string url;             // of the executable
  std::string provenance_url;  // of its signed provenance; empty: none
  std::string reproduced;      // "true", "false", or empty: no rebuild was made
  bool operator==(const LookupTarget&) const = default;
};
struct LookupProgram {
  std::string path, name;  // import path; the file's name
  std::vector<LookupTarget> targets;
  bool operator==(const LookupProgram&) const = default;
};
struct LookupVersion {
  std::string version;  // as Go writes it
  std::vector<LookupProgram> programs;
  bool operator==(const LookupVersion&) const = default;
};
struct LookupModule {
  std::string module;
  std::vector<LookupVersion> versions;  // newest first
  bool operator==(const LookupModule&) const = default;
};
struct LookupShard {
  int format = kShardFormat;
  std::string shard;  // "4f": each says which one it is
  std::vector<LookupModule> modules;
  bool operator==(const LookupShard&) const = default;
};

template <typename Form, json::Is<LookupTarget> T>
void Fields(Form& form, T& t) {
  form.Field("host", t.host);
  form.Field("size", t.size);
  form.Field("sha256", t.sha256);
  form.Field("url", t.url);
  form.Field("provenance_url", t.provenance_url);
  form.Field("reproduced", t.reproduced);
}
template <typename Form, json::Is<LookupProgram> P>
void Fields(Form& form, P& p) {
  form.Field("path", p.path);
  form.Field("name", p.name);
  form.Field("targets", p.targets);
}
template <typename Form, json::Is<LookupVersion> V>
void Fields(Form& form, V& v) {
  form.Field("version", v.version);
  form.Field("programs", v.programs);
}
template <typename Form, json::Is<LookupModule> M>
void Fields(Form& form, M& m) {
  form.Field("module", m.module);
  form.Field("versions", m.versions);
}
template <typename Form, json::Is<LookupShard> S>
void Fields(Form& form, S& s) {
  form.Field("format", s.format);
  form.Field("shard", s.shard);
  form.Field("modules", s.modules);
}

// "4f", the shard that a module is in: by host, owner and repository on hosts that have owners, else by host and first
// element, so that all modules of a repository share it.
std::string ShardOf(std::string_view module);
// "shards/4f.json".
std::string ShardFile(std::string_view shard);
// The shards of all modules that `path` may be in: one, or two where a host alone may be a module.
std::vector<std::string> ShardsOfAddress(std::string_view path);

// INVALID_ARGUMENT: no such document, a format that this release does not know, or another shard than `shard`.
// RESOURCE_EXHAUSTED: more than kShardBytesMax.
absl::StatusOr<LookupShard> ReadShard(std::string_view text, std::string_view shard);

struct Resolved {
  std::string module, version, path, name;
  LookupTarget target;
};
// What `address` means for `host` among `shards`, by ChooseVersion and ChooseProgram; only what is there for that host
// counts. NOT_FOUND: no such module, version or program, and what there is instead. INVALID_ARGUMENT: several programs.
absl::StatusOr<Resolved> Resolve(absl::Span<const LookupShard> shards, const Address& address, std::string_view host);

}  // namespace gofarm::publish
