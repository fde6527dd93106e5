// Files of tests/golden: what a program prints for others to rely on. GOFARM_ACCEPT=1 writes them anew.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace gofarm::testing {

// Fails the test where the file `name` below tests/golden is not `text`.
inline void ExpectGolden(const std::string& name, const std::string& text) {
  const char* const source = std::getenv("GOFARM_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run by ctest, or set GOFARM_SOURCE_DIR";
  const std::string path = std::string(source) + "/tests/golden/" + name;
  if (std::getenv("GOFARM_ACCEPT") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream in(path);
  std::stringstream golden;
  golden << in.rdbuf();
  EXPECT_EQ(text, golden.str()) << path;
}

}  // namespace gofarm::testing
