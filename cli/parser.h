// What the files that name the words of the command line share. Only for the program itself: it brings all of CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "common/base/text.h"

namespace gofarm::cli {

using Action = std::function<Exit()>;

// "gofarm worker cache".
inline std::string PathOf(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : Cat(PathOf(*app.get_parent()), " ", app.get_name());
}

struct Parser {
  CLI::App app{"gofarm builds Go programs as static PIE executables for four Linux architectures", "gofarm"};
  Globals globals;
  std::string output = "table";
  Action action;

  // Options of the whole program may stand after the verb.
  CLI::App* Group(CLI::App* parent, const char* name, const char* help) {
    CLI::App* group = parent->add_subcommand(name, help);
    group->fallthrough();
    group->require_subcommand(1);
    group->footer(Cat("Each verb has examples: ", PathOf(*group), " VERB --help"));
    return group;
  }
  // `example`: lines of shell.
  CLI::App* Verb(CLI::App* parent, const char* name, const char* help, const char* example, Action run) {
    CLI::App* verb = parent->add_subcommand(name, help);
    verb->fallthrough();
    std::string shown;
    for (const absl::string_view line : absl::StrSplit(example, '\n')) shown += Cat("\n  ", line);
    verb->footer(Cat("Example:", shown,
                     "\n\nWith every verb: --output json, --dir DIR, --farm NAME, --server ADDRESS (gofarm --help)."));
    verb->callback([this, run = std::move(run)] { action = run; });
    return verb;
  }
};

// CLI11's own bounds name the largest double in their message.
inline CLI::Validator AtLeast(int64_t least) {
  return CLI::Validator(
      [least](const std::string& text) {
        int64_t number = 0;
        if (absl::SimpleAtoi(text, &number) && number >= least) return std::string();
        return Cat("\"", text, "\" is no whole number from ", least, " on");
      },
      "", "");
}

// `--dir "$UNSET"` is a slip, not the wish for the default farm.
inline CLI::Validator NotEmpty() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "it is empty" : std::string(); }, "", "");
}

// A list option takes one value each time, or it would swallow the positionals behind it.
inline void OneAtATime(CLI::Option* option) { option->allow_extra_args(false); }

}  // namespace gofarm::cli
