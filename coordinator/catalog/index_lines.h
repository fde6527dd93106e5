// Lines of the module index: {"Path":"golang.org/x/text","Version":"v0.3.0","Timestamp":"2019-04-10T19:08:52.997264Z"},
// read by the million. Lines as the index writes them are read in one pass over their bytes; any other form of the same
// JSON goes through simdjson and gives the same. Every line is either a row whose path and version a proxy would accept
// or a bad line with its reason; none stops the others. Thread-safe: the reader's state is its own.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace gofarm::catalog {

inline constexpr size_t kIndexLineMax = size_t{16} << 10;  // longest path and version, escaped: 8 KiB
inline constexpr size_t kBadLineMax = 500;                 // bytes kept of a line that is none
inline constexpr size_t kBadLinesAtOnceMax = 10'000;       // whose text one block keeps; those beyond are only counted

struct IndexLine {
  std::string_view path;
  std::string_view version;
  std::string_view timestamp;  // as it was received
  int64_t micros = 0;          // since 1970; what was finer is cut off
  int32_t nanos = 0;           // what was cut off, below 1000: for comparing
};

struct BadLine {
  std::string digest;  // SHA-256 of the whole line, hex
  std::string text;    // clipped, fit to print
  std::string reason;
  std::string timestamp;  // as it was received; empty: the line tells no time
  int64_t micros = 0;     // as a row's
  int32_t nanos = 0;
};

struct IndexBlock {
  std::vector<IndexLine> rows;  // point into the bytes that were read, or into `unescaped`
  std::vector<BadLine> bad;
  int64_t bad_lines = 0;  // also those without text
  std::deque<std::string> unescaped;

  void Clear();
};

// RFC 3339 in UTC, "2019-04-10T19:08:52.997264Z", with no or up to nine decimals; false: it is none.
bool ParseTimestamp(std::string_view text, int64_t& micros, int32_t& nanos);
// As the index writes it: microseconds, trailing zeros cut.
std::string FormatTimestamp(int64_t unix_micros);

class IndexReader {
 public:
  IndexReader();
  ~IndexReader();

  // Reads the whole lines of `bytes` into `block` (after what is there) and returns how many bytes they took: what is
  // left is the begin of a line without its end.
  size_t Read(std::string_view bytes, IndexBlock& block);
  // One line without its newline.
  void ReadLine(std::string_view line, IndexBlock& block);

 private:
  struct Json;
  bool ReadFast(std::string_view line, IndexBlock& block);
  // Returns the reason why the line is bad; empty: it is not. `row` gets its time in both cases, if it tells one, whose
  // text lives until the next line is read.
  std::string ReadJson(std::string_view line, IndexBlock& block, IndexLine& row);

  std::unique_ptr<Json> json_;  // simdjson's memory, made when a line first needs it
};

}  // namespace gofarm::catalog
