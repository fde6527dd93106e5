// `job show --command`: what a person can paste into a shell to repeat a build outside the farm. Sandbox paths become
// the toolchains of this machine and folders below a fresh "$W"; the proxy is the one that person's Go uses. Words come
// from workers and modules, so each is quoted; nothing in them is obeyed by shell or terminal. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gofarm::cli {

struct BuildCommand {
  int64_t job = 0;
  int64_t token = 0;
  std::string module;
  std::string version;
  std::string target;
  std::string variant;
  std::vector<std::string> argv;         // calls stand behind each other with "&&" between them
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory;         // "" or below /src
  std::string go_mod;                    // edited go.mod of a source variant
  std::string go;                        // path of the go executable here; empty: unknown
  std::string zig;
  std::vector<std::string> edits;  // what repairs changed, for people
};

std::string CommandText(const BuildCommand& command);

// A word as a POSIX shell reads it back, escaped for the terminal.
std::string QuotedWord(std::string_view word);
// The same with sandbox paths replaced by variables. Exposed for tests.
std::string ShellWord(std::string_view word);

}  // namespace gofarm::cli
