// The words of the command line, for the sources that name verbs (main.cc, words_install.cc).
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"

namespace gofarm::cli {

using Action = std::function<Exit()>;

// "gofarm worker cache".
std::string PathOf(const CLI::App& app);

struct Parser {
  CLI::App app{"gofarm builds Go programs as static PIE executables for four Linux architectures", "gofarm"};
  Globals globals;
  std::string output = "table";
  Action action;

  // Options of the whole program may stand after the verb.
  CLI::App* Group(CLI::App* parent, const char* name, const char* help);
  // `example`: lines of shell. `everywhere`: what to say of the options that all verbs take.
  CLI::App* Verb(CLI::App* parent, const char* name, const char* help, const char* example, Action run,
                 std::string_view everywhere =
                     "With every verb: --output json, --dir DIR, --farm NAME, --server "
                     "ADDRESS (gofarm --help).");
};

// CLI11's own bounds name the largest double in their message.
CLI::Validator AtLeast(int64_t least);
// `--dir "$UNSET"` is a slip, not the wish for the default farm.
CLI::Validator NotEmpty();
// A list option takes one value each time, or it would swallow the positionals behind it.
void OneAtATime(CLI::Option* option);

// What install, installed, upgrade, uninstall and verify were given. Must outlive the parser's action.
struct InstallWords {
  InstallArgs install;
  UpgradeArgs upgrade;
  std::vector<std::string> names;
  std::string folder;
  bool force = false;
  VerifyArgs verify;
};
void AddInstall(Parser& p, InstallWords& args);

}  // namespace gofarm::cli
