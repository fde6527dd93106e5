#include "tests/support/proxy_folder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <fstream>
#include <sstream>
#include <vector>

#include "common/base/check.h"
#include "common/base/text.h"
#include "tests/support/zip_maker.h"

namespace gofarm::testing {
namespace {

std::string Escape(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0) {
      out += '!';
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string ProxyFolder::VersionFolder(const std::string& module) const {
  return Cat(root_, "/", Escape(module), "/@v");
}

void ProxyFolder::Add(const std::string& module, const std::string& version,
                      const std::map<std::string, std::string>& files) {
  std::vector<ZipEntry> entries;
  for (const auto& [name, text] : files) entries.push_back({Cat(module, "@", version, "/", name), text});
  const auto go_mod = files.find("go.mod");
  AddRaw(module, version, go_mod == files.end() ? Cat("module ", module, "\n") : go_mod->second, MakeZip(entries));
}

void ProxyFolder::AddRaw(const std::string& module, const std::string& version, const std::string& go_mod,
                         const std::string& zip) {
  const std::string base = Cat(VersionFolder(module), "/", Escape(version));
  WriteFileOrDie(base + ".info", Cat("{\"Version\":\"", version, "\",\"Time\":\"2024-01-02T03:04:05Z\"}"));
  WriteFileOrDie(base + ".mod", go_mod);
  WriteFileOrDie(base + ".zip", zip);
  std::ofstream(VersionFolder(module) + "/list", std::ios::app) << version << "\n";
}

FolderServer::FolderServer(std::string root) : root_(std::move(root)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  GOFARM_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  GOFARM_CHECK(listen(listener_, 64) == 0);
  socklen_t length = sizeof address;
  GOFARM_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

FolderServer::~FolderServer() {
  ends_ = true;
  thread_.join();
  close(listener_);
}

std::string FolderServer::url() const { return Cat("http://127.0.0.1:", port_); }

std::map<std::string, int> FolderServer::counts() const {
  absl::MutexLock lock(&mutex_);
  return counts_;
}

void FolderServer::Serve() {
  while (!ends_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 50) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    Answer(client);
    close(client);
  }
}

void FolderServer::Answer(int client) {
  std::string request;
  char buffer[4096];
  while (request.find("\r\n\r\n") == std::string::npos && request.size() < 65536) {
    pollfd waiting{client, POLLIN, 0};
    if (poll(&waiting, 1, 5000) <= 0) return;
    const ssize_t n = read(client, buffer, sizeof buffer);
    if (n <= 0) return;
    request.append(buffer, static_cast<size_t>(n));
  }
  const size_t start = request.find(' ') + 1;
  const std::string path = request.substr(start, request.find(' ', start) - start);
  std::string body = "not found";
  int status = 404;
  std::ifstream file(root_ + path, std::ios::binary);
  if (path.find("..") == std::string::npos && file.good()) {
    std::stringstream text;
    text << file.rdbuf();
    if (file.good()) {
      body = text.str();
      status = 200;
    }
  }
  if (forced_ != 0) status = forced_;
  if (status == 200) {
    absl::MutexLock lock(&mutex_);
    ++counts_[path];
  }
  const std::string answer =
      Cat("HTTP/1.1 ", status, " Status\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  for (size_t sent = 0; sent < answer.size();) {
    const ssize_t n = send(client, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

}  // namespace gofarm::testing
