#include "cli/words.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace gofarm::cli {

std::string PathOf(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : Cat(PathOf(*app.get_parent()), " ", app.get_name());
}

CLI::App* Parser::Group(CLI::App* parent, const char* name, const char* help) {
  CLI::App* group = parent->add_subcommand(name, help);
  group->fallthrough();
  group->require_subcommand(1);
  group->footer(Cat("Each verb has examples: ", PathOf(*group), " VERB --help"));
  return group;
}

CLI::App* Parser::Verb(CLI::App* parent, const char* name, const char* help, const char* example, Action run,
                       std::string_view everywhere) {
  CLI::App* verb = parent->add_subcommand(name, help);
  verb->fallthrough();
  std::string shown;
  for (const absl::string_view line : absl::StrSplit(example, '\n')) shown += Cat("\n  ", line);
  verb->footer(Cat("Example:", shown, "\n\n", everywhere));
  verb->callback([this, run = std::move(run)] { action = run; });
  return verb;
}

CLI::Validator AtLeast(int64_t least) {
  return CLI::Validator(
      [least](const std::string& text) {
        int64_t number = 0;
        if (absl::SimpleAtoi(text, &number) && number >= least) return std::string();
        return Cat("\"", text, "\" is no whole number from ", least, " on");
      },
      "", "");
}

CLI::Validator NotEmpty() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "it is empty" : std::string(); }, "", "");
}

void OneAtATime(CLI::Option* option) { option->allow_extra_args(false); }

}  // namespace gofarm::cli
