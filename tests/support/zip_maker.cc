#include "tests/support/zip_maker.h"

#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "common/base/check.h"

namespace gofarm::testing {
namespace {

void Put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

std::string DeflateZeros(int64_t count, uint32_t& crc) {
  z_stream stream{};
  GOFARM_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out;
  const std::string zeros(1 << 20, '\0');
  std::string buffer(1 << 16, '\0');
  crc = static_cast<uint32_t>(crc32(0, nullptr, 0));
  while (count > 0) {
    const int64_t n = std::min<int64_t>(count, static_cast<int64_t>(zeros.size()));
    count -= n;
    crc = static_cast<uint32_t>(crc32(crc, reinterpret_cast<const Bytef*>(zeros.data()), static_cast<uInt>(n)));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
    stream.avail_in = static_cast<uInt>(n);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      deflate(&stream, count == 0 ? Z_FINISH : Z_NO_FLUSH);
      out.append(buffer.data(), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return out;
}

}  // namespace

std::string MakeZip(const std::vector<ZipEntry>& entries) {
  std::string out;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    uint32_t crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(entry.data.data()), static_cast<uInt>(entry.data.size())));
    const std::string body = entry.zeros > 0 ? DeflateZeros(entry.zeros, crc) : entry.data;
    const int64_t real = entry.zeros > 0 ? entry.zeros : static_cast<int64_t>(entry.data.size());
    const auto size = static_cast<uint64_t>(entry.claimed_size >= 0 ? entry.claimed_size : real);
    const uint64_t offset = out.size();
    std::string common;  // from "version needed" to the extra length: the same in both headers
    Put(common, 20, 2);
    Put(common, 0, 2);
    Put(common, entry.zeros > 0 ? 8 : 0, 2);
    Put(common, 0, 4);
    Put(common, crc, 4);
    Put(common, body.size(), 4);
    Put(common, size, 4);
    Put(common, entry.name.size(), 2);
    Put(common, 0, 2);
    Put(out, 0x04034b50, 4);
    out += common + entry.name + body;
    Put(directory, 0x02014b50, 4);
    Put(directory, 3 << 8 | 20, 2);  // made by unix
    directory += common;
    Put(directory, 0, 2);
    Put(directory, 0, 2);
    Put(directory, 0, 2);
    Put(directory, static_cast<uint64_t>(entry.mode) << 16, 4);
    Put(directory, offset, 4);
    directory += entry.name;
  }
  const uint64_t start = out.size();
  out += directory;
  Put(out, 0x06054b50, 4);
  Put(out, 0, 4);
  Put(out, entries.size(), 2);
  Put(out, entries.size(), 2);
  Put(out, directory.size(), 4);
  Put(out, start, 4);
  Put(out, 0, 2);
  return out;
}

void WriteFileOrDie(const std::string& path, const std::string& content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  GOFARM_CHECK(file.good());
}

}  // namespace gofarm::testing
