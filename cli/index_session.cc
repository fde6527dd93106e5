#include "cli/index_session.h"

#include <sys/utsname.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "cli/farm_finder.h"
#include "cli/farm_index.h"
#include "cli/output.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::cli {
namespace {

constexpr int64_t kKeyFileMax = 16 << 10;

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::StatusOr<std::string> ReadKeyFile(const std::string& path) { return io::ReadFile(path, kKeyFileMax); }

absl::StatusOr<Target> TargetOf(const std::string& name) {
  utsname machine{};
  const std::string wanted = !name.empty() ? name : ::uname(&machine) == 0 ? machine.machine : "";
  if (const std::optional<Target> target = ParseTarget(wanted)) return *target;
  return absl::InvalidArgumentError(Cat("unknown target \"", EscapeForPrint(wanted), "\"; known are ", kTargetNames,
                                        name.empty() ? "; name one with --target" : ""));
}

absl::StatusOr<install::Memory> ReadUsersMemory() {
  const absl::StatusOr<std::string> folder = FindConfigFolder();
  if (!folder.ok()) return install::Memory{};
  return install::ReadMemory(install::MemoryFile(*folder));
}

absl::StatusOr<IndexSession> IndexSession::Open(const Globals& globals, const std::string& url,
                                                const std::string& key) {
  install::SourceInputs inputs{.index_flag = url,
                               .key_flag = key,
                               .index_environment = Environment("GOFARM_INDEX"),
                               .key_environment = Environment("GOFARM_INDEX_KEY")};
  inputs.farm = [&globals] { return AskFarm(globals.farm, globals.farm_index); };
  GOFARM_ASSIGN_OR_RETURN(inputs.memory, ReadUsersMemory());
  GOFARM_ASSIGN_OR_RETURN(install::Source source, install::FindSource(inputs, ReadKeyFile));
  return IndexSession(std::move(source));
}

absl::StatusOr<install::Answers> IndexSession::Find(const Scope& scope, const io::HttpAsk& ask,
                                                    const std::vector<publish::Address>& addresses,
                                                    Target target) const {
  GOFARM_ASSIGN_OR_RETURN(install::Answers answers, install::Find(scope, ask, source_, addresses, target));
  const absl::StatusOr<std::string> folder = FindConfigFolder();
  if (!folder.ok()) return answers;
  const absl::Status kept = install::ChangeMemory(scope, install::MemoryFile(*folder), [&](install::Memory& memory) {
    if (source_.by_person) memory.usual = source_.url;
    memory.Put(install::ToRemember(source_, answers, WallNow()));
  });
  if (!kept.ok()) {
    PrintErr(Cat("gofarm: the index will not be remembered: ", EscapeForPrint(Sv(kept.message())), "\n"));
  }
  return answers;
}

}  // namespace gofarm::cli
