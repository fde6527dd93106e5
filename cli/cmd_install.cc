// install, installed, upgrade, uninstall: programs from a published index into a folder of this machine.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/index_session.h"
#include "cli/install/documents.h"
#include "cli/install/installer.h"
#include "cli/install/place.h"
#include "cli/output.h"
#include "cli/print.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/sync/signals.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kRedrawEvery = absl::Milliseconds(100);

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<std::string> FolderOf(const std::string& flag) {
  std::error_code ignored;
  return install::ProgramFolder(flag, Environment("GOFARM_BIN"), Environment("HOME"),
                                std::filesystem::current_path(ignored).string());
}

absl::StatusOr<std::string> OneKey(const IndexArgs& args) {
  if (args.keys.size() <= 1) return args.keys.empty() ? std::string() : args.keys[0];
  return absl::InvalidArgumentError("--key stands there several times; an index is known by one");
}

// What a shell finds under that name before it comes to `folder`; empty: nothing.
std::string FirstInPath(const std::string& folder, const std::string& name) {
  const std::string path = Environment("PATH");
  for (const absl::string_view before : absl::StrSplit(path, ':')) {
    if (before == folder) return "";
    const std::string file = Cat(Sv(before), "/", name);
    if (!before.empty() && access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

// "hey 3.1 MiB of 9.0 MiB", on a terminal only.
install::Progress Shown(const CountLine& line, const std::string& name) {
  return [&line, name, at = absl::InfinitePast()](int64_t done, int64_t total) mutable {
    if (const absl::Time now = SteadyNow(); now - at >= kRedrawEvery) {
      at = now;
      line.Show(Cat(name, " ", HumanBytes(done), " of ", HumanBytes(total)));
    }
  };
}

// Installs what was found, one after the other, and tells of each as it is done.
absl::Status InstallAll(const Scope& scope, const io::HttpAsk& ask, const install::Answers& answers,
                        install::InstallOptions options, bool tell, std::vector<install::Outcome>& outcomes) {
  const install::Signers signers = install::SignersOf(answers.keys);
  const CountLine line;
  for (const absl::StatusOr<publish::Resolved>& program : answers.programs) {
    options.progress = Shown(line, EscapeAndClip(program->name, publish::kInstallNameMax));
    GOFARM_ASSIGN_OR_RETURN(install::Outcome outcome, install::Install(scope, ask, *program, signers, options));
    line.Clear();
    if (tell) PrintOut(install::OutcomeText(outcome));
    outcomes.push_back(std::move(outcome));
  }
  return absl::OkStatus();
}

void TellOfPath(const std::string& folder, const std::vector<install::Outcome>& outcomes) {
  const std::string hint = install::PathHint(folder, Environment("PATH"));
  PrintOut(hint);
  for (const install::Outcome& outcome : outcomes) {
    const std::string first = hint.empty() ? FirstInPath(folder, outcome.program.name) : "";
    if (first.empty()) continue;
    PrintOut(Cat("another ", outcome.program.name, " comes first in PATH: ", EscapeForPrint(first), "\n"));
  }
}

Exit RunInstall(const Globals& globals, const InstallArgs& args) {
  if (args.addresses.size() > install::kAddressesMax) {
    return absl::InvalidArgumentError(Cat("more than ", install::kAddressesMax, " programs at once"));
  }
  std::vector<publish::Address> addresses;
  for (const std::string& text : args.addresses) {
    GOFARM_ASSIGN_OR_RETURN(publish::Address address, publish::ParseAddress(text));
    addresses.push_back(std::move(address));
  }
  GOFARM_ASSIGN_OR_RETURN(const Target target, TargetOf(args.target));
  GOFARM_ASSIGN_OR_RETURN(const std::string folder, FolderOf(args.folder));
  GOFARM_ASSIGN_OR_RETURN(const std::string key, OneKey(args.index));
  GOFARM_ASSIGN_OR_RETURN(const IndexSession session, IndexSession::Open(globals, args.index.url, key));
  const sync::StopSignals signals;
  const Scope scope = Scope::For(kInstallMax, signals.token());
  const io::HttpClient http(Cat("gofarm/", GOFARM_VERSION));
  const io::HttpAsk ask = io::AskDirectly(http);
  GOFARM_ASSIGN_OR_RETURN(const install::Answers answers, session.Find(scope, ask, addresses, target));
  std::string missing;
  absl::Status first;
  for (const absl::StatusOr<publish::Resolved>& program : answers.programs) {
    if (program.ok()) continue;
    if (first.ok()) first = program.status();
    missing += Cat(missing.empty() ? "" : "\n", Sv(program.status().message()));
  }
  if (!first.ok()) return absl::Status(first.code(), missing);
  std::vector<install::Outcome> outcomes;
  GOFARM_RETURN_IF_ERROR(InstallAll(scope, ask, answers, {.folder = folder, .target = target, .force = args.force},
                                    !globals.json, outcomes));
  if (globals.json) {
    PrintOut(install::InstallDocument(outcomes));
  } else {
    TellOfPath(folder, outcomes);
  }
  return 0;
}

absl::StatusOr<std::vector<install::Installed>> Chosen(const std::string& folder,
                                                       const std::vector<std::string>& names) {
  GOFARM_ASSIGN_OR_RETURN(std::vector<install::Installed> all, install::ListInstalled(folder));
  if (names.empty()) return all;
  std::vector<install::Installed> chosen;
  for (const std::string& name : names) {
    const auto at =
        std::find_if(all.begin(), all.end(), [&](const install::Installed& one) { return one.name == name; });
    if (at == all.end()) {
      return absl::NotFoundError(Cat("gofarm did not install \"", EscapeAndClip(name, publish::kInstallNameMax),
                                     "\" into ", EscapeForPrint(folder), "; see: gofarm installed"));
    }
    chosen.push_back(*at);
  }
  return chosen;
}

install::UpgradeLine LineOf(const install::Installed& program) {
  return {.name = program.name,
          .path = program.note.package,
          .target = program.note.target,
          .version = program.note.version};
}

// Of one program that the index was asked for.
absl::StatusOr<install::UpgradeLine> UpgradeOne(const Scope& scope, const io::HttpAsk& ask,
                                                const install::Installed& program,
                                                const absl::StatusOr<publish::Resolved>& found,
                                                const install::Signers& signers,
                                                const install::InstallOptions& options) {
  using State = install::UpgradeLine::State;
  install::UpgradeLine line = LineOf(program);
  if (!found.ok()) {
    line.state = State::kNotFound;
    line.detail = std::string(found.status().message());
    return line;
  }
  if (found->name != program.name) {
    line.state = State::kNotFound;
    line.detail = Cat("it is called ", found->name, " now; install that one");
    return line;
  }
  const bool gone = program.state == install::Installed::State::kMissing;
  if (!gone && !install::IsUpgrade(program.note, *found)) return line;
  const absl::StatusOr<install::Outcome> outcome = install::Install(scope, ask, *found, signers, options);
  if (absl::IsFailedPrecondition(outcome.status())) {
    line.state = State::kRefused;
    line.detail = std::string(outcome.status().message());
    return line;
  }
  GOFARM_RETURN_IF_ERROR(outcome.status());
  line.state = State::kUpgraded;
  line.version_before = std::exchange(line.version, found->version);
  return line;
}

Exit RunUpgrade(const Globals& globals, const UpgradeArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const std::string folder, FolderOf(args.folder));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<install::Installed> programs, Chosen(folder, args.names));
  GOFARM_ASSIGN_OR_RETURN(const std::string key, OneKey(args.index));
  std::vector<install::UpgradeLine> lines;
  std::map<Target, std::vector<install::Installed>> by_target;
  for (const install::Installed& program : programs) {
    const std::optional<Target> target = ParseTarget(program.note.target);
    if (target) {
      by_target[*target].push_back(program);
      continue;
    }
    lines.push_back(LineOf(program));
    lines.back().state = install::UpgradeLine::State::kNotFound;
    lines.back().detail = "its note names no target";
  }
  if (!by_target.empty()) {
    GOFARM_ASSIGN_OR_RETURN(const IndexSession session, IndexSession::Open(globals, args.index.url, key));
    const sync::StopSignals signals;
    const Scope scope = Scope::For(kInstallMax, signals.token());
    const io::HttpClient http(Cat("gofarm/", GOFARM_VERSION));
    const io::HttpAsk ask = io::AskDirectly(http);
    const CountLine count;
    for (const auto& [target, of_target] : by_target) {
      std::vector<publish::Address> addresses;
      for (const install::Installed& program : of_target) addresses.push_back(install::AddressOf(program.note));
      GOFARM_ASSIGN_OR_RETURN(const install::Answers answers, session.Find(scope, ask, addresses, target));
      const install::Signers signers = install::SignersOf(answers.keys);
      for (size_t i = 0; i < of_target.size(); ++i) {
        GOFARM_ASSIGN_OR_RETURN(install::UpgradeLine line,
                                UpgradeOne(scope, ask, of_target[i], answers.programs[i], signers,
                                           {.folder = folder,
                                            .target = target,
                                            .force = args.force,
                                            .progress = Shown(count, of_target[i].name)}));
        lines.push_back(std::move(line));
      }
    }
  }
  const bool all_well = std::all_of(lines.begin(), lines.end(), [](const install::UpgradeLine& line) {
    return line.state == install::UpgradeLine::State::kCurrent || line.state == install::UpgradeLine::State::kUpgraded;
  });
  if (globals.json) {
    PrintOut(install::UpgradeDocument(lines));
    return all_well ? 0 : kExitInput;
  }
  TableText table({{"PROGRAM"}, {"WAS"}, {"IS"}, {"TARGET"}, {"STATE"}, {"DETAIL", false, true}});
  for (const install::UpgradeLine& line : lines) {
    table.Add({line.name, line.version_before, line.version, line.target, install::NameOf(line.state), line.detail});
  }
  PrintOut(table.empty() ? "nothing is installed there\n" : table.Render(OutTerminal()));
  return all_well ? 0 : kExitInput;
}

}  // namespace

Exit Install(const Globals& globals, const InstallArgs& args) { return ToldWhenNotSigned(RunInstall(globals, args)); }

Exit Upgrade(const Globals& globals, const UpgradeArgs& args) { return ToldWhenNotSigned(RunUpgrade(globals, args)); }

Exit Installed(const Globals& globals, const std::string& folder_flag) {
  GOFARM_ASSIGN_OR_RETURN(const std::string folder, FolderOf(folder_flag));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<install::Installed> programs, install::ListInstalled(folder));
  if (globals.json) {
    PrintOut(install::InstalledDocument(folder, programs));
    return 0;
  }
  TableText table({{"PROGRAM"}, {"VERSION"}, {"TARGET"}, {"STATE"}, {"PACKAGE", false, true}});
  for (const install::Installed& program : programs) {
    table.Add({program.name, program.note.version, program.note.target, install::NameOf(program.state),
               program.note.package});
  }
  PrintOut(table.empty() ? "nothing is installed there\n" : table.Render(OutTerminal()));
  return 0;
}

Exit Uninstall(const Globals& globals, const std::vector<std::string>& names, const std::string& folder_flag,
               bool force) {
  GOFARM_ASSIGN_OR_RETURN(const std::string folder, FolderOf(folder_flag));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<install::Installed> programs, Chosen(folder, names));
  std::vector<install::Place> removed;
  for (const install::Installed& program : programs) {
    const install::Place place{.folder = folder, .name = program.name};
    GOFARM_RETURN_IF_ERROR(install::Remove(place, force));
    if (!globals.json) PrintOut(Cat("removed ", EscapeForPrint(place.Path()), "\n"));
    removed.push_back(place);
  }
  if (globals.json) PrintOut(install::RemovedDocument(removed));
  return 0;
}

}  // namespace gofarm::cli
