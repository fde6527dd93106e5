#include "tests/unit/elf/elf_fixture.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace gofarm::elf {

Scratch::Scratch() {
  std::string form = testing::TempDir() + "/gofarm-elf-XXXXXX";
  if (::mkdtemp(form.data()) == nullptr) ADD_FAILURE() << "no scratch folder " << form;
  folder_ = form;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Scratch::Write(std::string_view name, std::string_view content) const {
  const std::string path = Path(name);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

bool RunShell(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot start: " << command;
    return false;
  }
  std::string output;
  char buffer[4096];
  for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, n);
  const int status = ::pclose(pipe);
  EXPECT_EQ(status, 0) << "failed: " << command << "\n" << output;
  return status == 0;
}

std::string Compile(const Scratch& scratch, std::string_view name, std::string_view flags) {
  const std::string source = scratch.Write("main.c", "int main(void) { return 0; }\n");
  const std::string program = scratch.Path(name);
  RunShell("gcc " + std::string(flags) + " -o " + program + " " + source);
  return program;
}

std::string ReadAll(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

}  // namespace gofarm::elf
