// What the soar client would say of an index, of a query and of files to install, without soar: its rules as
// shared/formats.md 3.3 to 3.6 states them (fetching and minisign excepted). Tests of our own index run it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::testing {

inline constexpr int64_t kSoarIndexBytesMax = int64_t{256} << 20;

// kCurrent: soar 0.13 and later. kOld: 0.8.1, the last one that knew pkgforge-go by itself.
enum class SoarClient { kCurrent, kOld };

struct SoarPackage {
  std::string pkg_name, pkg_id, pkg_family, version, description, download_url;
  std::string ghcr_pkg, ghcr_blob, bsum, build_log, build_script;
  std::optional<uint64_t> size;
  std::vector<std::string> provides;
  bool has_files = false;
};

struct SoarIndex {
  std::vector<SoarPackage> packages;
  std::vector<std::string> skipped;  // names that are no path component, and repeated identities
};

// `file`: as it is fetched, plain or zstd. An error refuses the whole index, as the client does.
absl::StatusOr<SoarIndex> ReadSoarIndex(std::string_view file, SoarClient client,
                                        int64_t bytes_max = kSoarIndexBytesMax);

// "[family/]name[#pkg_id][@version][:repo]". Of several versions of one identity the newest. NOT_FOUND: none;
// FAILED_PRECONDITION: several identities.
absl::StatusOr<SoarPackage> QuerySoar(const SoarIndex& index, std::string_view query);

struct SoarInstall {
  std::map<std::string, std::string> files;                   // by name
  std::vector<std::string> executable;                        // of these
  std::vector<std::pair<std::string, std::string>> links;     // link in bin/ and the file it points to
  std::vector<std::pair<std::string, std::string>> dangling;  // links to files that are not there
};

// From download_url, which gave `bytes`.
absl::StatusOr<SoarInstall> InstallSoarDirect(const SoarPackage& package, std::string_view bytes);
// From ghcr_pkg, where this manifest stands; `blob` gives what is there by digest.
absl::StatusOr<SoarInstall> InstallSoarOci(const SoarPackage& package, std::string_view manifest,
                                           const std::function<std::string(const std::string& digest)>& blob);

}  // namespace gofarm::testing
