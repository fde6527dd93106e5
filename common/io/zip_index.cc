#include "common/io/zip_index.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::io {
namespace {

constexpr std::string_view kEndMark("PK\x05\x06", 4);
constexpr std::string_view kEnd64LocatorMark("PK\x06\x07", 4);
constexpr std::string_view kEnd64Mark("PK\x06\x06", 4);
constexpr std::string_view kDirectoryMark("PK\x01\x02", 4);
constexpr std::string_view kLocalMark("PK\x03\x04", 4);
constexpr size_t kLocatorBytes = 20;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kDirectoryHeaderBytes = 46;
constexpr uint32_t kAll32 = 0xFFFFFFFF;
constexpr int kEncrypted = 1;
constexpr int kStored = 0;
constexpr int kDeflated = 8;
// deflate packs at most 1032 to 1: what declares more lies.
constexpr int64_t kDeflateRatioMax = 1032;
constexpr size_t kNameShownMax = 120;

absl::Status Wrong(std::string_view why) { return absl::InvalidArgumentError(Cat("zip: ", why)); }

uint64_t Number(std::string_view bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}
int64_t U16(std::string_view bytes, size_t at) { return static_cast<int64_t>(Number(bytes, at, 2)); }
uint32_t U32(std::string_view bytes, size_t at) { return static_cast<uint32_t>(Number(bytes, at, 4)); }
// What does not fit a signed number is larger than every file.
int64_t U64(std::string_view bytes, size_t at) {
  return static_cast<int64_t>(
      std::min<uint64_t>(Number(bytes, at, 8), static_cast<uint64_t>(std::numeric_limits<int64_t>::max())));
}

std::string Shown(std::string_view name) { return Cat("\"", Clip(EscapeForPrint(name), kNameShownMax), "\""); }

// Sizes and offset of an entry that do not fit 32 bits stand in its extra field 1, in this order.
absl::Status TakeZip64(std::string_view extra, bool size, bool packed, bool offset, ZipEntry& entry) {
  if (!size && !packed && !offset) return absl::OkStatus();
  while (extra.size() >= 4) {
    const int64_t id = U16(extra, 0);
    const size_t length = static_cast<size_t>(U16(extra, 2));
    if (extra.size() - 4 < length) break;
    std::string_view field = extra.substr(4, length);
    extra.remove_prefix(4 + length);
    if (id != 1) continue;
    const auto take = [&field](bool wanted, int64_t& out) {
      if (!wanted) return true;
      if (field.size() < 8) return false;
      out = U64(field, 0);
      field.remove_prefix(8);
      return true;
    };
    if (take(size, entry.size) && take(packed, entry.packed) && take(offset, entry.offset)) return absl::OkStatus();
    break;
  }
  return Wrong(Cat("entry ", Shown(entry.name), " lacks its 64-bit sizes"));
}

absl::Status CheckEntry(const ZipEntry& entry, int64_t flags, const ZipDirectory& directory) {
  const std::string what = Cat("entry ", Shown(entry.name), " ");
  if (entry.name.empty()) return Wrong("an entry without a name");
  if (entry.name.find('\0') != std::string::npos) return Wrong(Cat(what, "has NUL in its name"));
  if ((flags & kEncrypted) != 0) return Wrong(Cat(what, "is encrypted"));
  if (entry.method != kStored && entry.method != kDeflated) {
    return Wrong(Cat(what, "is packed by method ", entry.method, ", known are 0 and 8"));
  }
  const int64_t least = kZipLocalHeaderBytes + static_cast<int64_t>(entry.name.size());
  if (entry.offset < 0 || entry.packed < 0 || entry.offset > directory.offset - least ||
      entry.packed > directory.offset - least - entry.offset) {
    return Wrong(Cat(what, "reaches into the directory"));
  }
  if (entry.method == kStored && entry.size != entry.packed) return Wrong(Cat(what, "is stored in another size"));
  if (entry.method == kDeflated && entry.size > 0 && entry.size / kDeflateRatioMax > entry.packed) {
    return Wrong(Cat(what, "declares ", entry.size, " bytes in ", entry.packed, " packed ones"));
  }
  return absl::OkStatus();
}

// Sets every `end`, and refuses entries that share bytes.
absl::Status SetEnds(std::vector<ZipEntry>& entries, const ZipDirectory& directory) {
  std::vector<ZipEntry*> by_offset;
  by_offset.reserve(entries.size());
  for (ZipEntry& entry : entries) by_offset.push_back(&entry);
  std::sort(by_offset.begin(), by_offset.end(),
            [](const ZipEntry* a, const ZipEntry* b) { return a->offset < b->offset; });
  for (size_t i = 0; i < by_offset.size(); ++i) {
    ZipEntry& entry = *by_offset[i];
    entry.end = i + 1 < by_offset.size() ? by_offset[i + 1]->offset : directory.offset;
    if (entry.end - entry.offset < kZipLocalHeaderBytes + static_cast<int64_t>(entry.name.size()) + entry.packed) {
      return Wrong(Cat("entry ", Shown(entry.name), " overlaps the next one"));
    }
  }
  return absl::OkStatus();
}

class Inflater {
 public:
  Inflater() { ok_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (ok_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Up to `size_max` bytes; `ended`: the stream's own end was reached.
  absl::Status Run(std::string_view packed, int64_t size_max, std::string& out, bool& ended) {
    if (!ok_) return absl::ResourceExhaustedError("zip: no memory to inflate");
    constexpr size_t kPiece = 64 << 10;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    while (true) {
      // Grows with what is really there, not with what was declared.
      const size_t had = out.size();
      const size_t room = std::min(std::max(kPiece, had), static_cast<size_t>(size_max) - had);
      out.resize(had + room);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + had);
      stream_.avail_out = static_cast<uInt>(room);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      out.resize(had + room - stream_.avail_out);
      ended = code == Z_STREAM_END;
      if (ended) return absl::OkStatus();
      if (code != Z_OK && code != Z_BUF_ERROR) return Wrong("damaged deflate stream");
      if (out.size() == had) return absl::OkStatus();  // no more input, or no more room
    }
  }

 private:
  z_stream stream_ = {};
  bool ok_ = false;
};

}  // namespace

absl::StatusOr<ZipDirectory> FindZipDirectory(std::string_view tail, int64_t file_bytes, const ZipLimits& limits) {
  if (file_bytes > limits.file_bytes) {
    return absl::ResourceExhaustedError(Cat("zip: ", file_bytes, " bytes, the limit is ", limits.file_bytes));
  }
  if (static_cast<int64_t>(tail.size()) > file_bytes) return Wrong("more bytes than the file has");
  size_t end = tail.rfind(kEndMark);
  // The mark may stand in the comment: the record is the one whose comment ends with the file.
  while (end != std::string_view::npos &&
         (tail.size() - end < size_t{kZipEndBytes} ||
          U16(tail, end + 20) != static_cast<int64_t>(tail.size() - end) - kZipEndBytes)) {
    end = end == 0 ? std::string_view::npos : tail.rfind(kEndMark, end - 1);
  }
  if (end == std::string_view::npos) return Wrong("no end record");
  ZipDirectory directory{.offset = U32(tail, end + 16), .bytes = U32(tail, end + 12), .entries = U16(tail, end + 10)};
  int64_t directory_end = file_bytes - static_cast<int64_t>(tail.size() - end);
  const bool is64 = directory.offset == kAll32 || directory.bytes == kAll32 || directory.entries == 0xFFFF;
  if (is64 && end >= kLocatorBytes && tail.substr(end - kLocatorBytes, 4) == kEnd64LocatorMark) {
    const int64_t at = U64(tail, end - kLocatorBytes + 8);
    const int64_t tail_begin = file_bytes - static_cast<int64_t>(tail.size());
    const int64_t locator = directory_end - static_cast<int64_t>(kLocatorBytes);
    if (at < tail_begin || at > locator - static_cast<int64_t>(kEnd64Bytes)) return Wrong("no 64-bit end record");
    const std::string_view record = tail.substr(static_cast<size_t>(at - tail_begin));
    if (record.substr(0, 4) != kEnd64Mark) return Wrong("no 64-bit end record");
    directory = {.offset = U64(record, 48), .bytes = U64(record, 40), .entries = U64(record, 32)};
    directory_end = at;
  }
  // In front of a zip something may stand, in general; a module's zip has nothing there, and offsets mean what they
  // say.
  if (directory.offset < 0 || directory.bytes < 0 || directory.bytes > directory_end ||
      directory.offset != directory_end - directory.bytes) {
    return Wrong("the directory is not where the end record says");
  }
  if (directory.bytes > limits.directory_bytes || directory.entries > limits.entries) {
    return absl::ResourceExhaustedError(Cat("zip: a directory of ", directory.entries, " entries and ", directory.bytes,
                                            " bytes; the limits are ", limits.entries, " and ",
                                            limits.directory_bytes));
  }
  if (directory.entries > directory.bytes / static_cast<int64_t>(kDirectoryHeaderBytes)) {
    return Wrong("more entries than the directory has room for");
  }
  return directory;
}

absl::StatusOr<std::vector<ZipEntry>> ReadZipDirectory(std::string_view bytes, const ZipDirectory& directory,
                                                       const ZipLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) != directory.bytes) return Wrong("another size of the directory");
  std::vector<ZipEntry> entries;
  int64_t unpacked = 0;
  while (static_cast<int64_t>(entries.size()) < directory.entries) {
    if (bytes.size() < kDirectoryHeaderBytes || bytes.substr(0, 4) != kDirectoryMark) {
      return Wrong("the directory ends early");
    }
    const size_t name_bytes = static_cast<size_t>(U16(bytes, 28));
    const size_t extra_bytes = static_cast<size_t>(U16(bytes, 30));
    const size_t whole = kDirectoryHeaderBytes + name_bytes + extra_bytes + static_cast<size_t>(U16(bytes, 32));
    if (bytes.size() < whole) return Wrong("the directory ends early");
    if (name_bytes > kZipNameMax) return Wrong(Cat("a name of ", name_bytes, " bytes"));
    ZipEntry entry{.name = std::string(bytes.substr(kDirectoryHeaderBytes, name_bytes)),
                   .method = static_cast<int>(U16(bytes, 10)),
                   .crc = U32(bytes, 16),
                   .packed = U32(bytes, 20),
                   .size = U32(bytes, 24),
                   .offset = U32(bytes, 42)};
    GOFARM_RETURN_IF_ERROR(TakeZip64(bytes.substr(kDirectoryHeaderBytes + name_bytes, extra_bytes),
                                     entry.size == kAll32, entry.packed == kAll32, entry.offset == kAll32, entry));
    GOFARM_RETURN_IF_ERROR(CheckEntry(entry, U16(bytes, 8), directory));
    if (entry.size > limits.unpacked_bytes - unpacked) {
      return absl::ResourceExhaustedError(Cat("zip: unpacks to more than ", limits.unpacked_bytes, " bytes"));
    }
    unpacked += entry.size;
    entries.push_back(std::move(entry));
    bytes.remove_prefix(whole);
  }
  GOFARM_RETURN_IF_ERROR(SetEnds(entries, directory));
  return entries;
}

absl::StatusOr<ZipText> ReadZipEntry(std::string_view bytes, const ZipEntry& entry, int64_t size_max) {
  const std::string what = Cat("entry ", Shown(entry.name), ": ");
  bytes = bytes.substr(0, static_cast<size_t>(std::max<int64_t>(entry.end - entry.offset, 0)));
  if (bytes.size() < size_t{kZipLocalHeaderBytes}) return absl::OutOfRangeError(Cat("zip: ", what, "too few bytes"));
  if (bytes.substr(0, 4) != kLocalMark) return Wrong(Cat(what, "no local header"));
  const size_t name_bytes = static_cast<size_t>(U16(bytes, 26));
  const size_t begin = size_t{kZipLocalHeaderBytes} + name_bytes + static_cast<size_t>(U16(bytes, 28));
  if (static_cast<int64_t>(begin) + entry.packed > entry.end - entry.offset) {
    return Wrong(Cat(what, "its local header overlaps the next entry"));
  }
  if (bytes.size() < begin) return absl::OutOfRangeError(Cat("zip: ", what, "too few bytes"));
  if (bytes.substr(size_t{kZipLocalHeaderBytes}, name_bytes) != entry.name || U16(bytes, 8) != entry.method) {
    return Wrong(Cat(what, "the local header names another entry"));
  }
  const std::string_view packed = bytes.substr(begin, static_cast<size_t>(entry.packed));
  const bool all_packed = static_cast<int64_t>(packed.size()) == entry.packed;
  const int64_t wanted = std::min(entry.size, std::max<int64_t>(size_max, 0));
  ZipText out;
  if (entry.method == kStored) {
    out.text = std::string(packed.substr(0, static_cast<size_t>(wanted)));
    out.whole = static_cast<int64_t>(out.text.size()) == entry.size;
  } else {
    bool ended = false;
    Inflater inflater;
    // One byte more than declared, so that a stream that goes on is seen.
    const bool to_the_end = wanted == entry.size;
    GOFARM_RETURN_IF_ERROR_CTX(inflater.Run(packed, wanted + (to_the_end ? 1 : 0), out.text, ended), what);
    if (static_cast<int64_t>(out.text.size()) > entry.size) return Wrong(Cat(what, "is larger than it declares"));
    if (all_packed && to_the_end && (!ended || static_cast<int64_t>(out.text.size()) != entry.size)) {
      return Wrong(Cat(what, "is shorter than it declares"));
    }
    if (ended && static_cast<int64_t>(out.text.size()) != entry.size) {
      return Wrong(Cat(what, "is shorter than it declares"));
    }
    out.whole = ended;
  }
  if (out.whole) {
    const uLong crc = crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(out.text.data()), out.text.size());
    if (static_cast<uint32_t>(crc) != entry.crc) return Wrong(Cat(what, "its checksum is wrong"));
  }
  return out;
}

}  // namespace gofarm::io
