// A scratch folder and real compilers for tests that need real files. A missing tool fails the test, with its name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gofarm::elf {

class Scratch {
 public:
  Scratch();
  ~Scratch();  // removes it
  std::string Path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  // Writes a file below the folder, with its parents.
  std::string Write(std::string_view name, std::string_view content) const;

 private:
  std::string folder_;
};

// Exit code 0 expected; the output is part of the test's failure otherwise.
bool RunShell(const std::string& command);
// Compiles `int main(void)` with gcc and these flags; the path of the program.
std::string Compile(const Scratch& scratch, std::string_view name, std::string_view flags);
std::string ReadAll(const std::string& path);

}  // namespace gofarm::elf
