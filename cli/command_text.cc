#include "cli/command_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/text.h"
#include "common/gomod/path.h"

namespace gofarm::cli {
namespace {

// Longer ones first where one begins another.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kPaths = {{{"/go/bin/go", "$GO"},
                                                                                   {"/zig/zig", "$ZIG"},
                                                                                   {"/gocache", "$W/gocache"},
                                                                                   {"/zigcache", "$W/zigcache"},
                                                                                   {"/go", "$GOROOT_HERE"},
                                                                                   {"/mod", "$W/mod"},
                                                                                   {"/src", "$W/src"},
                                                                                   {"/out", "$W/out"},
                                                                                   {"/job", "$W/job"},
                                                                                   {"/zig", "$ZIGROOT_HERE"}}};

bool BeginsPath(std::string_view word, size_t at) {
  return at == 0 || word[at - 1] == '=' || word[at - 1] == ' ' || word[at - 1] == ':';
}

bool EndsPath(std::string_view word, size_t end) {
  return end == word.size() || word[end] == '/' || word[end] == ' ' || word[end] == ':';
}

bool IsPlain(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=@,+%").find(c) != std::string_view::npos;
  });
}

std::string SingleQuoted(std::string_view word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// For environment entries the name stays outside the quotes.
std::string Assignment(std::string_view entry) {
  const size_t equals = entry.find('=');
  if (equals == std::string_view::npos || !IsPlain(entry.substr(0, equals))) return ShellWord(entry);
  const std::string_view value = entry.substr(equals + 1);
  return Cat(entry.substr(0, equals), "=", value.empty() ? "" : ShellWord(value));
}

bool IsAssignment(std::string_view word) {
  const size_t equals = word.find('=');
  return equals != std::string_view::npos && equals > 0 && word.find('/') > equals && word[0] != '-';
}

std::string NameOfEntry(std::string_view entry) { return std::string(entry.substr(0, entry.find('='))); }

struct Call {
  std::vector<std::string> overrides;
  std::vector<std::string> argv;
};

std::vector<Call> SplitCalls(const std::vector<std::string>& words) {
  std::vector<Call> calls(1);
  bool overrides = false;
  for (const std::string& word : words) {
    if (word == "&&") {
      calls.emplace_back();
      overrides = false;
    } else if (calls.back().argv.empty() && calls.back().overrides.empty() && word == "env") {
      overrides = true;
    } else if (overrides && calls.back().argv.empty() && IsAssignment(word)) {
      calls.back().overrides.push_back(word);
    } else {
      calls.back().argv.push_back(word);
    }
  }
  calls.erase(std::remove_if(calls.begin(), calls.end(), [](const Call& call) { return call.argv.empty(); }),
              calls.end());
  return calls;
}

std::string HereDocument(std::string_view text) {
  std::string end = "END_OF_GO_MOD";
  while (text.find(end) != std::string_view::npos) end += "_";
  std::string body = EscapeForPrint(text, /*keep_newlines=*/true);
  if (!body.empty() && body.back() != '\n') body += '\n';
  return Cat("cat >\"$W/src/go.mod\" <<'", end, "'\n", body, end, "\n");
}

}  // namespace

std::string QuotedWord(std::string_view raw) {
  const std::string word = EscapeForPrint(raw);
  return IsPlain(word) ? word : SingleQuoted(word);
}

std::string ShellWord(std::string_view raw) {
  const std::string word = EscapeForPrint(raw);
  std::string quoted = "\"";
  bool replaced = false;
  for (size_t i = 0; i < word.size();) {
    bool here = false;
    if (word[i] == '/' && BeginsPath(word, i)) {
      for (const auto& [path, variable] : kPaths) {
        if (std::string_view(word).substr(i, path.size()) != path || !EndsPath(word, i + path.size())) continue;
        quoted += variable;
        i += path.size();
        here = replaced = true;
        break;
      }
    }
    if (here) continue;
    const char c = word[i++];
    if (c == '"' || c == '\\' || c == '$' || c == '`') quoted += '\\';
    quoted += c;
  }
  return replaced ? quoted + "\"" : QuotedWord(word);
}

std::string CommandText(const BuildCommand& command) {
  const bool from_source = !command.working_directory.empty() && command.working_directory.substr(0, 4) == "/src";
  std::string out =
      Cat("# job ", command.job, ", attempt ", command.token, ": ", EscapeForPrint(command.module), "@",
          EscapeForPrint(command.version), " for ", command.target, ", variant ", EscapeForPrint(command.variant),
          "\n# Paste into a shell; what it builds lands below \"$W/out\".\n");
  if (command.go.empty() || command.zig.empty()) {
    out += "# The worker that built it is not here: put in the paths of its go and zig (versions: gofarm job show).\n";
  }
  for (const std::string& edit : command.edits) out += Cat("# repaired: ", EscapeForPrint(edit), "\n");
  out += Cat("GO=", command.go.empty() ? "go" : ShellWord(command.go), "\n");
  out += Cat("ZIG=", command.zig.empty() ? "zig" : ShellWord(command.zig), "\n");
  out +=
      "GOROOT_HERE=$(\"$GO\" env GOROOT)\n"
      "ZIGROOT_HERE=$(dirname \"$ZIG\")\n"
      "PROXY=$(\"$GO\" env GOPROXY) SUMDB=$(\"$GO\" env GOSUMDB)\n"
      "W=$(mktemp -d) && mkdir -p \"$W\"/job/home \"$W\"/job/tmp \"$W\"/out && cd \"$W\"\n";
  // An install in a main module of the farm's making, which only says which versions were chosen.
  const bool in_main_module = from_source && command.variant.rfind("install", 0) == 0;
  if (in_main_module) {
    out += Cat("mkdir \"$W/src\"\n", HereDocument(command.go_mod), "cd ", ShellWord(command.working_directory), "\n");
  } else if (from_source) {
    const std::string escaped_path = gomod::EscapePath(command.module).value_or("");
    const std::string escaped_version = gomod::EscapeVersion(command.version).value_or("");
    out +=
        Cat("env GOENV=off GOFLAGS=-modcacherw GOTOOLCHAIN=local GOMODCACHE=\"$W/mod\" GOPROXY=\"$PROXY\" "
            "GOSUMDB=\"$SUMDB\" \"$GO\" "
            "mod download ",
            ShellWord(Cat(command.module, "@", command.version)), "\ncp -r \"$W/mod/\"",
            ShellWord(Cat(escaped_path, "@", escaped_version)), " \"$W/src\"\n");
    if (!command.go_mod.empty()) out += HereDocument(command.go_mod);
    out += Cat("cd ", ShellWord(command.working_directory), "\n");
  }
  const std::vector<Call> calls = SplitCalls(command.argv);
  for (size_t n = 0; n < calls.size(); ++n) {
    out += "env -i";
    for (const std::string& entry : command.environment) {
      const std::string name = NameOfEntry(entry);
      const auto same = [&](const std::string& other) { return NameOfEntry(other) == name; };
      if (std::any_of(calls[n].overrides.begin(), calls[n].overrides.end(), same)) continue;
      // In the sandbox these point at the sources that were fetched before.
      if (name == "GOPROXY") {
        out += " \\\n  GOPROXY=\"$PROXY\"";
      } else if (name == "GOSUMDB") {
        out += " \\\n  GOSUMDB=\"$SUMDB\"";
      } else {
        out += Cat(" \\\n  ", Assignment(entry));
      }
    }
    for (const std::string& entry : calls[n].overrides) out += Cat(" \\\n  ", Assignment(entry));
    out += " \\\n ";
    for (const std::string& word : calls[n].argv) {
      // The record holds no go.sum, so that go must be allowed to write one.
      out += Cat(" ", ShellWord(word == "-mod=readonly" ? "-mod=mod" : word));
    }
    out += n + 1 < calls.size() ? " &&\n" : "\n";
  }
  return out;
}

}  // namespace gofarm::cli
