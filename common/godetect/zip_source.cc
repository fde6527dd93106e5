#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/godetect/module_source.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"
#include "common/io/zip_index.h"

namespace gofarm::godetect {
namespace {

constexpr int64_t kTailBytes = 64 << 10;
// Of packed bytes, for a head of kHeadBytes: Go text packs to a third or less.
constexpr int64_t kHeadPackedBytes = 2048;
// Extra field of a local header and descriptor behind the bytes; an entry that has more is asked for again.
constexpr int64_t kSlackBytes = 128;
constexpr int64_t kLicenceBytesMax = 16 << 20;
// Entries that are asked for again: an honest archiver writes none.
constexpr int kAskedAgainMax = 100;

absl::Status Refused(std::string_view name, std::string_view why) {
  return absl::InvalidArgumentError(Cat("zip entry \"", Clip(EscapeForPrint(name), 160), "\" ", why));
}

class ZipSource final : public ModuleSource {
 public:
  ZipSource(std::unique_ptr<ByteReader> reader, std::string prefix)
      : reader_(std::move(reader)), prefix_(std::move(prefix)) {}

  absl::Status Open(const Scope& scope) {
    GOFARM_ASSIGN_OR_RETURN(const io::ZipDirectory directory, FindDirectory(scope));
    GOFARM_RETURN_IF_ERROR(reader_->Prepare(scope, {{directory.offset, directory.offset + directory.bytes}}));
    GOFARM_ASSIGN_OR_RETURN(const std::string bytes,
                            reader_->At({directory.offset, directory.offset + directory.bytes}));
    GOFARM_ASSIGN_OR_RETURN(std::vector<io::ZipEntry> entries, io::ReadZipDirectory(bytes, directory, {}));
    return TakeNames(std::move(entries));
  }

  absl::StatusOr<std::vector<Text>> Read(const Scope& scope, absl::Span<const Wish> wishes) override {
    const std::vector<ByteSpan> spans = AllPlanned(wishes);
    GOFARM_RETURN_IF_ERROR(reader_->Prepare(scope, spans));
    std::vector<Text> texts(wishes.size());
    for (size_t i = 0; i < wishes.size(); ++i) {
      GOFARM_RETURN_IF_ERROR(ReadOne(scope, wishes[i], spans[i], texts[i]));
    }
    return texts;
  }

  int64_t BytesToFetch(absl::Span<const Wish> wishes) const override {
    return reader_->BytesToFetch(AllPlanned(wishes));
  }
  int64_t bytes() const override { return reader_->size(); }

 private:
  // First where the record stands in nearly every zip; a comment may put it up to 64 KiB further to the front.
  absl::StatusOr<io::ZipDirectory> FindDirectory(const Scope& scope) {
    const int64_t size = reader_->size();
    absl::StatusOr<io::ZipDirectory> found = absl::InvalidArgumentError("zip: empty");
    for (const int64_t bytes : {kTailBytes, io::kZipEndSearchMax + 1024}) {
      const ByteSpan tail{std::max<int64_t>(size - bytes, 0), size};
      GOFARM_RETURN_IF_ERROR(reader_->Prepare(scope, {tail}));
      GOFARM_ASSIGN_OR_RETURN(const std::string text, reader_->At(tail));
      found = io::FindZipDirectory(text, size, {});
      if (found.ok() || tail.begin == 0) break;
    }
    return found;
  }

  // What the go command checks before it unpacks a module.
  absl::Status TakeNames(std::vector<io::ZipEntry> entries) {
    if (entries.size() > kModuleFilesMax) {
      return absl::ResourceExhaustedError(Cat("zip: more than ", kModuleFilesMax, " files"));
    }
    if (prefix_.empty() && !entries.empty()) prefix_ = ZipPrefixOf(entries.front().name);
    absl::flat_hash_map<std::string, std::string> by_folded;
    for (io::ZipEntry& entry : entries) {
      if (!absl::StartsWith(entry.name, prefix_)) {
        return Refused(entry.name, Cat("does not begin with \"", EscapeForPrint(prefix_), "\""));
      }
      std::string name = entry.name.substr(prefix_.size());
      const bool folder = !name.empty() && name.back() == '/';
      if (folder) name.pop_back();
      if (name.empty()) continue;
      GOFARM_RETURN_IF_ERROR_CTX(gomod::CheckFilePath(name), "zip");
      GOFARM_RETURN_IF_ERROR(CheckFolded(name, folder, by_folded));
      if (folder) continue;
      const size_t slash = name.rfind('/');
      const std::string_view base = std::string_view(name).substr(slash == std::string::npos ? 0 : slash + 1);
      if (absl::EqualsIgnoreCase(Av(base), "go.mod") && name != "go.mod") {
        return Refused(entry.name, "is a go.mod that is not at the module's root");
      }
      if (name == "go.mod" && entry.size > static_cast<int64_t>(gomod::kGoModBytesMax)) {
        return Refused(entry.name, "is larger than a go.mod may be");
      }
      if (name == "LICENSE" && entry.size > kLicenceBytesMax) return Refused(entry.name, "is larger than it may be");
      files_.push_back({.name = std::move(name), .size = entry.size});
      entries_.push_back(std::move(entry));
    }
    std::vector<size_t> order(files_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return files_[a].name < files_[b].name; });
    std::vector<SourceFile> files;
    std::vector<io::ZipEntry> sorted;
    for (const size_t i : order) {
      files.push_back(std::move(files_[i]));
      sorted.push_back(std::move(entries_[i]));
    }
    files_ = std::move(files);
    entries_ = std::move(sorted);
    return absl::OkStatus();
  }

  // Files and the folders that they imply, each under one spelling only, and no file where a folder is.
  static absl::Status CheckFolded(const std::string& name, bool folder,
                                  absl::flat_hash_map<std::string, std::string>& by_folded) {
    // A trailing slash marks folders.
    const auto [file, fresh] = by_folded.emplace(absl::AsciiStrToLower(name), folder ? Cat(name, "/") : name);
    if (!fresh && !(folder && file->second == Cat(name, "/"))) {
      return Refused(name, "is there twice, or differs from another one by case only");
    }
    for (size_t slash = name.rfind('/'); slash != std::string::npos && slash > 0; slash = name.rfind('/', slash - 1)) {
      const std::string parent = name.substr(0, slash);
      const auto [found, new_parent] = by_folded.emplace(absl::AsciiStrToLower(parent), Cat(parent, "/"));
      if (!new_parent && found->second != Cat(parent, "/")) {
        return Refused(name, "lies in a folder that is a file, or whose name differs from another one by case only");
      }
      if (!new_parent) break;
    }
    return absl::OkStatus();
  }

  std::vector<ByteSpan> AllPlanned(absl::Span<const Wish> wishes) const {
    std::vector<ByteSpan> spans;
    spans.reserve(wishes.size());
    for (const Wish& wish : wishes) spans.push_back(Planned(wish));
    return spans;
  }
  ByteSpan Planned(const Wish& wish) const {
    const io::ZipEntry& entry = entries_[wish.file];
    const int64_t packed = wish.head ? std::min(entry.packed, kHeadPackedBytes) : entry.packed;
    const int64_t end =
        entry.offset + io::kZipLocalHeaderBytes + static_cast<int64_t>(entry.name.size()) + packed + kSlackBytes;
    return {entry.offset, std::min(end, entry.end)};
  }

  absl::Status ReadOne(const Scope& scope, const Wish& wish, ByteSpan span, Text& out) {
    const io::ZipEntry& entry = entries_[wish.file];
    const int64_t size_max = wish.head ? std::min(wish.bytes_max, kHeadBytes * 4) : wish.bytes_max;
    while (true) {
      GOFARM_ASSIGN_OR_RETURN(const std::string bytes, reader_->At(span));
      absl::StatusOr<io::ZipText> text = io::ReadZipEntry(bytes, entry, size_max);
      const bool short_of_it =
          absl::IsOutOfRange(text.status()) ||
          (text.ok() && !wish.head && static_cast<int64_t>(text->text.size()) < std::min(size_max, entry.size));
      if (short_of_it && span.end < entry.end) {
        // A local header with a longer extra field than the directory's.
        if (++asked_again_ > kAskedAgainMax) return Refused(entry.name, "has a longer local header than others said");
        span.end = entry.end;
        GOFARM_RETURN_IF_ERROR(reader_->Prepare(scope, {span}));
        continue;
      }
      GOFARM_RETURN_IF_ERROR(text.status());
      if (short_of_it) return Refused(entry.name, "ends early");
      out = {.text = std::move(text->text), .whole = text->whole};
      return absl::OkStatus();
    }
  }

  const std::unique_ptr<ByteReader> reader_;
  std::string prefix_;
  std::vector<io::ZipEntry> entries_;  // beside files_
  int asked_again_ = 0;
};

}  // namespace

std::string ZipPrefixOf(std::string_view first_name) {
  const size_t at = first_name.find('@');
  const size_t slash = at == std::string_view::npos ? at : first_name.find('/', at);
  return slash == std::string_view::npos ? "" : std::string(first_name.substr(0, slash + 1));
}

absl::StatusOr<std::unique_ptr<ModuleSource>> OpenZip(const Scope& scope, std::unique_ptr<ByteReader> reader,
                                                      std::string prefix) {
  auto source = std::make_unique<ZipSource>(std::move(reader), std::move(prefix));
  GOFARM_RETURN_IF_ERROR(source->Open(scope));
  return source;
}

}  // namespace gofarm::godetect
