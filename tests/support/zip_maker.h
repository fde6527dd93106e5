// Builds zip files by hand, also such as no honest program writes: any name, lying sizes, links. Stored, not
// compressed, unless `zeros` is set: then the entry is a deflated run of that many zero bytes (a bomb).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gofarm::testing {

struct ZipEntry {
  std::string name;
  std::string data;
  uint32_t mode = 0100644;    // with file type, as in st_mode
  int64_t claimed_size = -1;  // unpacked size in both headers; -1: the truth
  int64_t zeros = 0;
};

std::string MakeZip(const std::vector<ZipEntry>& entries);
void WriteFileOrDie(const std::string& path, const std::string& content);  // makes its folders

}  // namespace gofarm::testing
