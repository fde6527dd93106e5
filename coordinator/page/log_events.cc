#include "coordinator/page/log_events.h"

#include "common/base/text.h"
#include "common/json/writer.h"

namespace gofarm::page {
namespace {

std::string Event(std::string_view name, std::string_view data, int64_t next_offset) {
  // A document of one line: JSON has no line ends inside its texts.
  return Cat(name.empty() ? "" : Cat("event: ", name, "\n"), "id: ", next_offset, "\ndata: ", data, "\n\n");
}

bool GoesOn(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

size_t ShownBytes(std::string_view data, bool ended) {
  if (ended) return data.size();
  const size_t line_end = data.rfind('\n');
  const size_t lines = line_end == std::string_view::npos ? 0 : line_end + 1;
  if (data.size() - lines <= kLogLineMax) return lines;
  size_t end = data.size();
  while (end > data.size() - 4 && GoesOn(data[end - 1])) --end;
  // The byte that begins a character, which may not be whole.
  return (static_cast<unsigned char>(data[end - 1]) & 0x80) != 0 ? end - 1 : end;
}

std::string LogEvent(AnsiReader& reader, std::string_view data, int64_t next_offset) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginArray();
  for (const LogRun& run : reader.Read(data)) {
    json.BeginArray().String(run.classes).String(run.text).EndArray();
  }
  json.EndArray();
  return Event("", json.Take(), next_offset);
}

std::string EndEvent(int64_t next_offset) { return Event("end", "[]", next_offset); }

std::string_view StillThere() { return ": still there\n\n"; }

}  // namespace gofarm::page
