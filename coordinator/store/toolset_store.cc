#include "coordinator/store/toolset_store.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "coordinator/domain/toolset.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

// On one line, without its kind.
std::string Shown(const std::string& content) {
  std::vector<std::string> lines = absl::StrSplit(content, '\n', absl::SkipEmpty());
  if (!lines.empty()) lines.erase(lines.begin());
  return EscapeForPrint(absl::StrJoin(lines, ", "));
}

}  // namespace

absl::Status ToolsetStore::Pin(const Scope& scope, const Toolset& toolset) {
  const std::string digest = domain::ToolsetDigest(toolset);
  const std::string content = domain::CanonicalForm(toolset);
  return RunTransaction(pool_, scope, Cat("pin toolset ", toolset.name), [&](Txn& txn) -> absl::Status {
    txn.Run("pin_toolset", toolset.name, digest, content);
    const pqxx::result known = txn.Run("find_toolset", toolset.name);
    if (known[0][0].as<std::string>() != digest) {
      return absl::FailedPreconditionError(Cat(
          "toolset \"", EscapeForPrint(toolset.name), "\" was \"", Shown(known[0][1].as<std::string>()), "\" and is \"",
          Shown(content), "\": its versions never change; put them back, or give the new one another name"));
    }
    // Those that are known already stay as they are, so what is read back says whether all of them are the same.
    for (const Archive& a : toolset.archives) {
      txn.Run("pin_archive", toolset.name, a.kind, a.version, a.host_arch, a.sha256);
    }
    std::vector<Archive> archives;
    for (const pqxx::row& row : txn.Run("archives_of_toolset", toolset.name)) {
      archives.push_back({.kind = row[0].as<std::string>(),
                          .version = row[1].as<std::string>(),
                          .host_arch = row[2].as<std::string>(),
                          .source = "",
                          .locator = "",
                          .sha256 = row[3].as<std::string>()});
    }
    return domain::CheckKnownArchives(toolset, archives);
  });
}

}  // namespace gofarm::store
