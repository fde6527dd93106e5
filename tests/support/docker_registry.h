// Debian's docker-registry as a process of its own: a free port of this machine, a folder that goes with the object, an
// access log. Ends with the test.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/io/scratch_folder.h"
#include "common/process/identity.h"

namespace gofarm::testing {

class DockerRegistry {
 public:
  struct Options {
    bool deletes = true;
    bool login = false;  // user "farm" with "s3cret-token", by HTTP's Basic
  };
  explicit DockerRegistry(const Options& options);
  DockerRegistry() : DockerRegistry(Options{}) {}
  ~DockerRegistry();

  const std::string& url() const { return url_; }  // "http://127.0.0.1:PORT"
  std::string authority() const { return url_.substr(7); }
  // The lines of its access log so far whose method is one of POST, PUT, PATCH and DELETE.
  std::vector<std::string> Writes() const;
  // Lines of its access log by method.
  std::map<std::string, int> Requests() const;
  // Every tag, manifest and blob that it keeps: paths, with what the links hold.
  std::map<std::string, std::string> Content() const;
  // Where it keeps the bytes of a blob.
  std::string FileOf(const std::string& digest) const;

 private:
  std::string Log() const;
  const io::ScratchFolder folder_;
  process::ProcessId process_;
  std::string url_;
};

}  // namespace gofarm::testing
