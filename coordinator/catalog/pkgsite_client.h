// What pkg.go.dev says of a module through its JSON API (/v1): licences, how many packages import it, which versions
// are deprecated or retracted, and, as a hint, which of its packages are programs. It knows four platforms only and
// little of modules without a recognised licence, so what it does not know proves nothing. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/catalog/service_gate.h"

namespace gofarm::catalog {

inline constexpr int kPkgsitePageItems = 1000;      // the service's own maximum
inline constexpr size_t kPkgsiteItemsMax = 20'000;  // of one module; the rest is left out
inline constexpr int64_t kPkgsitePageBytesMax = int64_t{32} << 20;

struct PkgsiteModule {
  std::string version;
  bool latest = false;
  bool redistributable = false;
  bool has_go_mod = false;
  std::string repository;             // "github.com/o/r"; empty: it names none
  std::vector<std::string> licenses;  // SPDX, each once
};

struct PkgsitePackage {
  std::string path;
  std::string synopsis;
};

struct PkgsiteVersion {
  std::string version;
  bool deprecated = false;
  std::string deprecation;
  bool retracted = false;
  std::string retraction;
};

class PkgsiteClient {
 public:
  // `gate` must outlive the client.
  explicit PkgsiteClient(ServiceGate& gate) : gate_(gate) {}

  // Each null: pkg.go.dev does not know the module. `version` empty: the latest.
  absl::StatusOr<std::optional<PkgsiteModule>> Module(const Scope& scope, const std::string& module,
                                                      const std::string& version = "");
  // Its packages named main.
  absl::StatusOr<std::optional<std::vector<PkgsitePackage>>> Programs(const Scope& scope, const std::string& module,
                                                                      const std::string& version = "");
  // How many packages import the module's root package.
  absl::StatusOr<std::optional<int64_t>> Importers(const Scope& scope, const std::string& module);
  // Tagged versions of this module path; other majors are other modules.
  absl::StatusOr<std::optional<std::vector<PkgsiteVersion>>> Versions(const Scope& scope, const std::string& module);

 private:
  template <typename Document>
  absl::StatusOr<bool> Read(const Scope& scope, const std::string& route, Document& document);
  template <typename Document, typename Take>
  absl::StatusOr<bool> ReadPages(const Scope& scope, const std::string& route, const Take& take);

  ServiceGate& gate_;
};

}  // namespace gofarm::catalog
