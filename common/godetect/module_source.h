// Where the detector reads a module from: a list of files with sizes, and their texts. A folder, or a zip file whose
// bytes lie in a file or behind HTTP. One Read is one round: what is far away is fetched together. Used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "common/godetect/byte_reader.h"

namespace gofarm::godetect {

inline constexpr size_t kModuleFilesMax = 200'000;
inline constexpr int64_t kHeadBytes = 4096;  // of a text of which only the head is wanted, at least when it has so many

struct SourceFile {
  std::string name;  // below the module's root, "/" between elements
  int64_t size = 0;
};

struct Wish {
  size_t file = 0;        // index into files()
  bool head = false;      // its first kHeadBytes or a little more or less are enough
  int64_t bytes_max = 0;  // more is not read
};
struct Text {
  std::string text;
  bool whole = false;
};

class ModuleSource {
 public:
  virtual ~ModuleSource() = default;
  // Sorted by name; names are clean (no "..", no empty element).
  const std::vector<SourceFile>& files() const { return files_; }
  // The texts in the order of the wishes. INVALID_ARGUMENT: the module is damaged or hostile; other errors are those of
  // files and HTTP.
  virtual absl::StatusOr<std::vector<Text>> Read(const Scope& scope, absl::Span<const Wish> wishes) = 0;
  // How many bytes a round of these fetches from far away, about; 0 when all is here.
  virtual int64_t BytesToFetch(absl::Span<const Wish>) const { return 0; }
  // What that compares with: of the whole module as it is fetched.
  virtual int64_t bytes() const { return 0; }

 protected:
  std::vector<SourceFile> files_;
};

// Links are not followed, folders with a go.mod of their own are left out, hidden folders but .github too.
absl::StatusOr<std::unique_ptr<ModuleSource>> OpenFolder(const std::string& folder);

// `prefix`: what every name in the zip begins with, "MODULE@VERSION/". Empty: whatever the first name begins with, up
// to the "@" and the next slash. INVALID_ARGUMENT also for what the go command refuses: names outside the prefix,
// unclean names, names that differ by case only, a go.mod below the root, sizes beyond 500 MiB.
absl::StatusOr<std::unique_ptr<ModuleSource>> OpenZip(const Scope& scope, std::unique_ptr<ByteReader> reader,
                                                      std::string prefix);
// What the prefix was.
std::string ZipPrefixOf(std::string_view first_name);

}  // namespace gofarm::godetect
