// A scratch home in which a test runs install scripts: with tools of its choice in PATH and a server on this machine
// that gives programs. All that lies in it afterwards can be listed. For tests only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/io/scratch_folder.h"
#include "common/process/run.h"
#include "coordinator/web/install_script.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::web {

// A POSIX shell, as the words that start it.
using Shell = std::vector<std::string>;
const std::vector<Shell>& Shells();
std::string ShellName(const Shell& shell);

class ScriptHome {
 public:
  // Tools that a script may use; "uname" is added, and says `machine`.
  static std::vector<std::string> AllTools();
  explicit ScriptHome(const std::vector<std::string>& tools = AllTools(), const std::string& machine = "x86_64");

  // From stdin, as `curl | sh` gives it, in an empty working folder. `environment` is added to HOME and PATH.
  process::CommandResult Run(const Shell& shell, const std::string& script, const process::Variables& environment = {});

  // All files and folders that are not tools, below this home, sorted: "home/.local/bin/hey", folders with a "/" at
  // their end.
  std::vector<std::string> Listing() const;
  std::string Path(const std::string& below) const { return folder_.path() + "/" + below; }
  std::string Read(const std::string& below) const;
  void Write(const std::string& below, const std::string& bytes) const;

 private:
  io::ScratchFolder folder_;
};

// Answers what the test put there; a path with "?cut" is cut in the middle of its body, with "?flip" one byte is
// another. Serves as a proxy, too.
class ProgramServer {
 public:
  ProgramServer();
  // Not while requests run.
  void Put(const std::string& path, std::string bytes) { files_[path] = std::move(bytes); }
  std::string Url(const std::string& path) const { return server_.url() + path; }
  std::vector<testing::RawHttpServer::Request> requests() const { return server_.requests(); }

 private:
  bool Answer(const testing::RawHttpServer::Request& request, testing::RawHttpServer::Peer& peer) const;

  std::map<std::string, std::string> files_;
  testing::RawHttpServer server_;
};

}  // namespace gofarm::web
