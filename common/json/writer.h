// Writes one JSON document. protobuf's own JSON prints int64 as text and leaves zeros and empty lists out; this one
// prints numbers as numbers and leaves nothing out. Indented for people, or compact for what is signed or sent. Text
// that is no UTF-8 is repaired, so the document is always valid. Not thread-safe. Misuse (a key outside an object) is a
// broken invariant and ends the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace gofarm {

class JsonWriter {
 public:
  enum class Layout { kIndented, kCompact };
  explicit JsonWriter(Layout layout = Layout::kIndented) : layout_(layout) {}

  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view key);
  JsonWriter& String(std::string_view text);
  JsonWriter& Int(int64_t number);
  JsonWriter& Double(double number);  // the shortest text that reads back the same; 0 for what is no number
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  JsonWriter& Raw(std::string_view json);  // a value that is JSON already
  // RFC 3339 in UTC, ending in Z, at most microseconds; null for the infinite past.
  JsonWriter& Time(absl::Time time);

  // Key and value in one.
  JsonWriter& Field(std::string_view key, std::string_view text) { return Key(key).String(text); }
  JsonWriter& Field(std::string_view key, const char* text) { return Key(key).String(text); }
  JsonWriter& Field(std::string_view key, const std::string& text) { return Key(key).String(text); }
  JsonWriter& Field(std::string_view key, int64_t number) { return Key(key).Int(number); }
  JsonWriter& Field(std::string_view key, int number) { return Key(key).Int(number); }
  JsonWriter& Field(std::string_view key, double number) { return Key(key).Double(number); }
  JsonWriter& Field(std::string_view key, bool value) { return Key(key).Bool(value); }
  JsonWriter& Field(std::string_view key, absl::Time time) { return Key(key).Time(time); }

  // The document; an indented one has a newline at its end. Everything begun must have ended.
  std::string Take();

 private:
  struct Level {
    bool object = false;
    bool empty = true;
  };
  void BeforeValue();
  void NewLine();

  Layout layout_;
  std::string out_;
  std::vector<Level> levels_;
  bool key_written_ = false;
};

// "2026-01-31T12:00:00.25Z".
std::string FormatUtc(absl::Time time);

}  // namespace gofarm
