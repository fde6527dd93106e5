#include "tests/unit/coordinator_web/script_home.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::web {
namespace {

namespace fs = std::filesystem;

std::string Find(const std::string& tool) {
  for (const char* folder : {"/usr/bin/", "/bin/", "/usr/local/bin/"}) {
    if (fs::exists(folder + tool)) return folder + tool;
  }
  return "";
}

io::ScratchFolder MakeFolder() {
  auto folder = io::ScratchFolder::Make(::testing::TempDir(), "gofarm-script-");
  GOFARM_CHECK(folder.ok());
  return *std::move(folder);
}

}  // namespace

const std::vector<Shell>& Shells() {
  static const auto* const shells = new std::vector<Shell>{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}};
  return *shells;
}

std::string ShellName(const Shell& shell) { return shell[0]; }

std::vector<std::string> ScriptHome::AllTools() {
  return {"mkdir", "rm", "rmdir", "mv", "cp", "chmod", "wc", "sed", "touch", "sleep", "curl", "sha256sum"};
}

ScriptHome::ScriptHome(const std::vector<std::string>& tools, const std::string& machine) : folder_(MakeFolder()) {
  for (const char* folder : {"tools", "home", "work"}) fs::create_directory(Path(folder));
  for (const std::string& tool : tools) {
    const std::string found = Find(tool);
    EXPECT_NE(found, "") << tool << " is missing; bash deploy/setup/setup.sh test";
    if (!found.empty()) fs::create_symlink(found, Path("tools/" + tool));
  }
  Write("tools/uname", "#!/bin/sh\ncase $1 in -m) echo '" + machine + "' ;; *) echo Linux ;; esac\n");
  fs::permissions(Path("tools/uname"), fs::perms(0755));
}

process::CommandResult ScriptHome::Run(const Shell& shell, const std::string& script,
                                       const process::Variables& environment) {
  process::Command command;
  command.argv = shell;
  command.argv[0] = Find(shell[0]);
  command.environment = {{"HOME", Path("home")}, {"PATH", Path("tools")}};
  for (const auto& [name, value] : environment) {
    std::erase_if(command.environment, [&name = name](const auto& variable) { return variable.first == name; });
    command.environment.emplace_back(name, value);
  }
  command.working_directory = Path("work");
  command.input = script;
  const auto result = process::Run(Scope::For(absl::Seconds(60)), command);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : process::CommandResult{.exit_code = -1};
}

std::vector<std::string> ScriptHome::Listing() const {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_.path())) {
    const std::string name = entry.path().string().substr(folder_.path().size() + 1);
    if (absl::StartsWith(name, "tools") || name == "home" || name == "work") continue;
    names.push_back(entry.is_directory() && !entry.is_symlink() ? name + "/" : name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string ScriptHome::Read(const std::string& below) const {
  const auto bytes = io::ReadFile(Path(below), 1 << 20);
  return bytes.ok() ? *bytes : std::string(bytes.status().message());
}

void ScriptHome::Write(const std::string& below, const std::string& bytes) const {
  fs::create_directories(fs::path(Path(below)).parent_path());
  EXPECT_TRUE(io::WriteFileAtomic(Path(below), bytes).ok());
}

ProgramServer::ProgramServer()
    : server_([this](const testing::RawHttpServer::Request& request, testing::RawHttpServer::Peer& peer) {
        return Answer(request, peer);
      }) {}

bool ProgramServer::Answer(const testing::RawHttpServer::Request& request, testing::RawHttpServer::Peer& peer) const {
  absl::string_view path = request.target;
  // Asked as a proxy: the whole URL stands there.
  if (absl::ConsumePrefix(&path, "http://")) path.remove_prefix(path.find('/'));
  const bool cut = absl::ConsumeSuffix(&path, "?cut");
  const bool flip = absl::ConsumeSuffix(&path, "?flip");
  const auto file = files_.find(std::string(path));
  if (file == files_.end()) return peer.Answer(404, "", "no such thing\n");
  std::string body = file->second;
  if (flip) body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 1);
  if (!cut) return peer.Answer(200, "", body);
  peer.Send(Cat("HTTP/1.1 200 X\r\nContent-Length: ", body.size(), "\r\n\r\n", body.substr(0, body.size() / 2)));
  return false;
}

}  // namespace gofarm::web
