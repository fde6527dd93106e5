#include "common/io/zstd_frames.h"

#include <zstd.h>

#include <memory>

#include "common/base/text.h"

namespace gofarm::io {
namespace {

absl::Status TooLarge(uint64_t bytes) {
  return absl::ResourceExhaustedError(Cat("a zstd frame of ", bytes, " bytes; at most ", kZstdFrameBytesMax));
}

}  // namespace

absl::StatusOr<std::string> ZstdFrame(std::string_view bytes, int level) {
  if (bytes.size() > static_cast<size_t>(kZstdFrameBytesMax)) return TooLarge(bytes.size());
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (context == nullptr) return absl::ResourceExhaustedError("no memory to compress with zstd");
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size)) {
    return absl::ResourceExhaustedError(Cat("compress ", bytes.size(), " bytes: ", ZSTD_getErrorName(size)));
  }
  out.resize(size);
  out.shrink_to_fit();
  return out;
}

absl::StatusOr<std::vector<FramePlace>> FindZstdFrames(std::string_view file) {
  std::vector<FramePlace> places;
  int64_t offset = 0, content_offset = 0;
  while (offset < static_cast<int64_t>(file.size())) {
    const std::string_view rest = file.substr(static_cast<size_t>(offset));
    const size_t size = ZSTD_findFrameCompressedSize(rest.data(), rest.size());
    if (ZSTD_isError(size)) {
      return absl::InvalidArgumentError(Cat("no zstd frame at byte ", offset, ": ", ZSTD_getErrorName(size)));
    }
    const uint64_t content = ZSTD_getFrameContentSize(rest.data(), rest.size());
    if (content > static_cast<uint64_t>(kZstdFrameBytesMax)) {  // the two error values too
      return absl::InvalidArgumentError(Cat("the zstd frame at byte ", offset, " does not tell a size that is taken"));
    }
    places.push_back({.offset = offset,
                      .size = static_cast<int64_t>(size),
                      .content_offset = content_offset,
                      .content_size = static_cast<int64_t>(content)});
    offset += static_cast<int64_t>(size);
    content_offset += static_cast<int64_t>(content);
  }
  return places;
}

absl::StatusOr<std::string> ExpandZstdFrame(std::string_view frame) {
  const uint64_t content = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (content > static_cast<uint64_t>(kZstdFrameBytesMax)) {
    return absl::InvalidArgumentError("a zstd frame that does not tell a size that is taken");
  }
  std::string out(content, '\0');
  const size_t size = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) || size != content) {
    return absl::InvalidArgumentError(
        Cat("damaged zstd frame: ", ZSTD_isError(size) ? ZSTD_getErrorName(size) : "another size than it tells"));
  }
  return out;
}

}  // namespace gofarm::io
