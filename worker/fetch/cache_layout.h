// Where everything stands in the cache folder, which several workers and farms may share. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/text.h"
#include "common/goproxy/list.h"
#include "common/vocab/toolset.h"

namespace gofarm::fetch {

// An empty file of this name and a target in a shared Go cache: the seed of that target was copied into it.
inline constexpr std::string_view kSeededMark = "gofarm-seeded-";

class CacheLayout {
 public:
  explicit CacheLayout(std::string root) : root_(std::move(root)) {}
  const std::string& root() const { return root_; }
  std::string Toolchains() const { return root_ + "/toolchains"; }
  std::string Mod() const { return root_ + "/mod"; }  // GOMODCACHE
  std::string Listings(const Toolset& toolset) const { return Cat(root_, "/listings/", ShortDigest(toolset)); }
  // <digest of the tools>-L<sandbox layout>: seeds and shared Go cache are good for exactly these.
  static std::string Key(const Toolset& toolset, int sandbox_layout) {
    return Cat(ShortDigest(toolset), "-L", sandbox_layout);
  }
  std::string Seeds(std::string_view key) const { return Cat(root_, "/seeds/", key); }
  std::string SharedGoCache(std::string_view key) const { return Cat(root_, "/gocache/", key); }

  // Of the toolset and of the archives that this host builds with (those of `toolset` are of this host): farms that
  // share the cache may know one toolset by different archives.
  static std::string ShortDigest(const Toolset& toolset);

 private:
  std::string root_;
};

// The part of the environment that says where modules come from, as configured (the values of `go env`).
struct ProxyEnvironment {
  goproxy::List goproxy;  // `direct` is dropped wherever it is used
  std::string gosumdb;
  std::string gonosumdb;
  std::string goprivate;
};

// What is configured, and for each value that is not, that of `otherwise`.
ProxyEnvironment FilledUp(ProxyEnvironment configured, const ProxyEnvironment& otherwise);

}  // namespace gofarm::fetch
