#include "coordinator/catalog/index_lines.h"

#include <simdjson.h>

#include <array>
#include <cstring>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"

namespace gofarm::catalog {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What a byte may be in a path or a version.
enum ByteKind : uint8_t { kOther = 0, kPathByte = 1, kHostByte = 2, kIdentifierByte = 4 };

constexpr std::array<uint8_t, 256> MakeKinds() {
  std::array<uint8_t, 256> kinds{};
  for (int c = 'a'; c <= 'z'; ++c) kinds[static_cast<size_t>(c)] = kPathByte | kHostByte | kIdentifierByte;
  for (int c = 'A'; c <= 'Z'; ++c) kinds[static_cast<size_t>(c)] = kPathByte | kIdentifierByte;
  for (int c = '0'; c <= '9'; ++c) kinds[static_cast<size_t>(c)] = kPathByte | kHostByte | kIdentifierByte;
  kinds['-'] = kPathByte | kHostByte | kIdentifierByte;
  kinds['.'] = kPathByte | kHostByte;
  kinds['_'] = kPathByte;
  return kinds;
}
constexpr std::array<uint8_t, 256> kKinds = MakeKinds();

bool Is(char c, ByteKind kind) { return (kKinds[static_cast<unsigned char>(c)] & kind) != 0; }

// "con", "com1", "aux.txt": what Windows cannot store. `stem`: up to the first dot of an element.
bool IsWindowsName(const char* stem, size_t size) {
  if (size != 3 && size != 4) return false;
  const auto three = [](const char* name) {
    return (uint32_t{static_cast<unsigned char>(name[0])} | 0x20) << 16 |
           (uint32_t{static_cast<unsigned char>(name[1])} | 0x20) << 8 |
           (uint32_t{static_cast<unsigned char>(name[2])} | 0x20);
  };
  const uint32_t name = three(stem);
  if (size == 3) return name == three("con") || name == three("prn") || name == three("aux") || name == three("nul");
  return (name == three("com") || name == three("lpt")) && IsDigit(stem[3]);
}

// The end of a path that is a module path for certain; nullptr: the full check has to say. One pass; what is rare (a
// tilde, gopkg.in, a final element of digits and dots behind a v) is left to the full check.
const char* ScanPath(const char* p, const char* end) {
  const char* const begin = p;
  bool dot = false;
  while (p < end && Is(*p, kHostByte)) dot |= *p++ == '.';
  if (p == end || !dot || p == begin || *begin == '.' || *begin == '-' || p[-1] == '.') return nullptr;
  {
    const void* const first_dot = std::memchr(begin, '.', static_cast<size_t>(p - begin));
    if (IsWindowsName(begin, static_cast<size_t>(static_cast<const char*>(first_dot) - begin))) return nullptr;
  }
  if (p - begin >= 9 && std::memcmp(begin, "gopkg.in", 8) == 0) return nullptr;
  const char* element = begin;
  while (*p == '/') {
    element = ++p;
    const char* stem_end = nullptr;
    while (p < end && Is(*p, kPathByte)) {
      if (*p == '.' && stem_end == nullptr) stem_end = p;
      ++p;
    }
    if (p == end || p == element || *element == '.' || p[-1] == '.') return nullptr;
    if (stem_end == nullptr) stem_end = p;
    if (IsWindowsName(element, static_cast<size_t>(stem_end - element))) return nullptr;
  }
  if (*p != '"' || static_cast<size_t>(p - begin) > gomod::kModulePathMax) return nullptr;
  if (element == begin || *element != 'v' || !IsDigit(p[-1])) return p;
  // A /vN at the end has its rules: no /v0, /v1, /v02. What only looks like one needs the full check.
  if (element[1] == '0' || (element[1] == '1' && p - element == 2)) return nullptr;
  for (const char* digit = element + 1; digit < p; ++digit) {
    if (!IsDigit(*digit)) return nullptr;
  }
  return p;
}

// A decimal number without leading zero; nullptr: none.
const char* ScanNumber(const char* p, const char* end) {
  const char* const begin = p;
  while (p < end && IsDigit(*p)) ++p;
  return p == begin || (*begin == '0' && p - begin > 1) ? nullptr : p;
}

// The end of a version that is canonical for certain: v1.2.3, v1.2.3-pre.1, either with +incompatible.
const char* ScanVersion(const char* p, const char* end) {
  const char* const begin = p;
  if (p == end || *p++ != 'v') return nullptr;
  for (int i = 0; i < 3; ++i) {
    if (i > 0 && (p == end || *p++ != '.')) return nullptr;
    if ((p = ScanNumber(p, end)) == nullptr) return nullptr;
  }
  if (p == end) return nullptr;
  if (*p == '-') {
    do {
      const char* const identifier = ++p;
      bool digits = true;
      while (p < end && Is(*p, kIdentifierByte)) digits &= IsDigit(*p++);
      if (p == end || p == identifier || (digits && *identifier == '0' && p - identifier > 1)) return nullptr;
    } while (*p == '.');
  }
  static constexpr std::string_view kIncompatible = "+incompatible";
  if (*p == '+') {
    if (static_cast<size_t>(end - p) <= kIncompatible.size() ||
        std::memcmp(p, kIncompatible.data(), kIncompatible.size()) != 0) {
      return nullptr;
    }
    p += kIncompatible.size();
  }
  return *p == '"' && static_cast<size_t>(p - begin) <= gomod::kVersionMax ? p : nullptr;
}

template <size_t n>
bool Take(const char*& p, const char* end, const char (&text)[n]) {
  if (end - p < static_cast<ptrdiff_t>(n - 1) || std::memcmp(p, text, n - 1) != 0) return false;
  p += n - 1;
  return true;
}

// Days since 1970 of a date of the Gregorian calendar.
constexpr int64_t DaysOf(int year, int month, int day) {
  const int y = month <= 2 ? year - 1 : year;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const int64_t year_of_era = y - era * 400;
  const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return int64_t{era} * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}
static_assert(DaysOf(1970, 1, 1) == 0 && DaysOf(2000, 3, 1) == 11'017);

constexpr int kMonthDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

bool TwoDigits(const char* p, int& out) {
  if (!IsDigit(p[0]) || !IsDigit(p[1])) return false;
  out = (p[0] - '0') * 10 + (p[1] - '0');
  return true;
}

}  // namespace

void IndexBlock::Clear() {
  rows.clear();
  bad.clear();
  bad_lines = 0;
  unescaped.clear();
}

bool ParseTimestamp(std::string_view text, int64_t& micros, int32_t& nanos) {
  // "2006-01-02T15:04:05Z"
  if (text.size() < 20 || text.size() > 30 || text.back() != 'Z') return false;
  const char* const p = text.data();
  int century, year, month, day, hour, minute, second;
  if (!TwoDigits(p, century) || !TwoDigits(p + 2, year) || p[4] != '-' || !TwoDigits(p + 5, month) || p[7] != '-' ||
      !TwoDigits(p + 8, day) || p[10] != 'T' || !TwoDigits(p + 11, hour) || p[13] != ':' ||
      !TwoDigits(p + 14, minute) || p[16] != ':' || !TwoDigits(p + 17, second)) {
    return false;
  }
  year += century * 100;
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day < 1 || day > kMonthDays[month - 1] + (month == 2 && leap ? 1 : 0)) return false;
  int32_t fraction = 0;
  if (text.size() > 20) {
    const size_t digits = text.size() - 21;
    if (p[19] != '.' || digits < 1 || digits > 9) return false;
    for (size_t i = 0; i < 9; ++i) {
      if (i < digits && !IsDigit(p[20 + i])) return false;
      fraction = fraction * 10 + (i < digits ? p[20 + i] - '0' : 0);
    }
  }
  micros = ((DaysOf(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  micros = micros * 1'000'000 + fraction / 1000;
  nanos = fraction % 1000;
  return true;
}

std::string FormatTimestamp(int64_t unix_micros) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", absl::FromUnixMicros(unix_micros), absl::UTCTimeZone());
}

struct IndexReader::Json {
  simdjson::dom::parser parser;
};

IndexReader::IndexReader() = default;
IndexReader::~IndexReader() = default;

size_t IndexReader::Read(std::string_view bytes, IndexBlock& block) {
  size_t at = 0;
  while (at < bytes.size()) {
    const void* const newline = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
    if (newline == nullptr) break;
    const size_t end = static_cast<size_t>(static_cast<const char*>(newline) - bytes.data());
    ReadLine(bytes.substr(at, end - at), block);
    at = end + 1;
  }
  return at;
}

void IndexReader::ReadLine(std::string_view line, IndexBlock& block) {
  if (ReadFast(line, block)) return;
  IndexLine row;
  const std::string reason =
      line.size() > kIndexLineMax ? Cat("longer than ", kIndexLineMax, " bytes") : ReadJson(line, block, row);
  if (reason.empty()) return;
  ++block.bad_lines;
  if (block.bad.size() >= kBadLinesAtOnceMax) return;
  block.bad.push_back({.digest = digest::Sha256Hex(line),
                       .text = Clip(EscapeForPrint(line.substr(0, kBadLineMax)), kBadLineMax),
                       .reason = Clip(reason, kBadLineMax),
                       .timestamp = std::string(row.timestamp),
                       .micros = row.micros,
                       .nanos = row.nanos});
}

bool IndexReader::ReadFast(std::string_view line, IndexBlock& block) {
  const char* p = line.data();
  const char* const end = p + line.size();
  IndexLine row;
  if (!Take(p, end, "{\"Path\":\"")) return false;
  const char* stop = ScanPath(p, end);
  if (stop == nullptr) {
    // The full check of what stands between the quotes; a backslash is refused by it, and simdjson reads the line.
    stop = static_cast<const char*>(std::memchr(p, '"', static_cast<size_t>(end - p)));
    if (stop == nullptr || !gomod::CheckModulePath({p, static_cast<size_t>(stop - p)}).ok()) return false;
  }
  row.path = {p, static_cast<size_t>(stop - p)};
  p = stop;
  if (!Take(p, end, "\",\"Version\":\"") || (stop = ScanVersion(p, end)) == nullptr) return false;
  row.version = {p, static_cast<size_t>(stop - p)};
  p = stop;
  if (!Take(p, end, "\",\"Timestamp\":\"")) return false;
  if (end - p < 22 || end[-1] != '}' || end[-2] != '"') return false;
  row.timestamp = {p, static_cast<size_t>(end - 2 - p)};
  if (!ParseTimestamp(row.timestamp, row.micros, row.nanos)) return false;
  block.rows.push_back(row);
  return true;
}

std::string IndexReader::ReadJson(std::string_view line, IndexBlock& block, IndexLine& row) {
  if (json_ == nullptr) json_ = std::make_unique<Json>();
  simdjson::dom::element root;
  if (const auto error = json_->parser.parse(line.data(), line.size(), true).get(root); error != simdjson::SUCCESS) {
    return Cat("no JSON: ", std::string(simdjson::error_message(error)));
  }
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) return "no JSON object";
  std::string_view fields[3];
  static constexpr std::string_view kNames[3] = {"Path", "Version", "Timestamp"};
  std::string fault;  // the first one
  for (size_t i = 0; i < 3; ++i) {
    simdjson::dom::element element;
    const bool there = object.at_key(kNames[i]).get(element) == simdjson::SUCCESS;
    if (there && element.get(fields[i]) == simdjson::SUCCESS) continue;
    if (fault.empty()) fault = Cat(kNames[i], there ? " is no text" : " is missing");
  }
  // Whatever else is wrong with the line: its time says how far the index was read.
  if (ParseTimestamp(fields[2], row.micros, row.nanos)) row.timestamp = fields[2];
  if (!fault.empty()) return fault;
  if (const absl::Status path = gomod::CheckModulePath(fields[0]); !path.ok()) return std::string(path.message());
  if (const absl::Status version = gomod::CheckVersion(fields[1]); !version.ok()) return std::string(version.message());
  if (row.timestamp.empty()) {
    return Cat("Timestamp \"", Clip(EscapeForPrint(fields[2]), 60),
               "\" is no time such as 2019-04-10T19:08:52.997264Z");
  }
  const auto keep = [&](std::string_view text) -> std::string_view { return block.unescaped.emplace_back(text); };
  row.path = keep(fields[0]);
  row.version = keep(fields[1]);
  row.timestamp = keep(fields[2]);
  block.rows.push_back(row);
  return "";
}

}  // namespace gofarm::catalog
