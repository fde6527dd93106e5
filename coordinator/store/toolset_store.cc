#include "coordinator/store/toolset_store.h"

#include "coordinator/domain/toolset.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

absl::Status ToolsetStore::Pin(const Scope& scope, const Toolset& toolset) {
  const std::string digest = domain::ToolsetDigest(toolset);
  return RunTransaction(pool_, scope, Cat("pin toolset ", toolset.name), [&](Txn& txn) -> absl::Status {
    txn.Run("pin_toolset", toolset.name, digest, domain::CanonicalForm(toolset));
    const std::string known = txn.Run("find_toolset", toolset.name)[0][0].as<std::string>();
    if (known == digest) return absl::OkStatus();
    return absl::FailedPreconditionError(Cat("toolset \"", EscapeForPrint(toolset.name), "\" has other content (",
                                             digest, ") than the one this farm has used under that name (", known,
                                             "): a toolset never changes; give the new one another name"));
  });
}

}  // namespace gofarm::store
