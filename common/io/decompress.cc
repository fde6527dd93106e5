#include "common/io/decompress.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::io {
namespace {

constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr size_t kPiece = size_t{256} << 10;

}  // namespace

class Decompressor::Format {
 public:
  virtual ~Format() = default;
  virtual absl::Status Add(std::string_view bytes) = 0;
  virtual absl::Status Finish() = 0;
};

class Decompressor::Plain : public Format {
 public:
  explicit Plain(Decompressor& owner) : owner_(owner) {}
  absl::Status Add(std::string_view bytes) override { return owner_.Emit(bytes); }
  absl::Status Finish() override { return absl::OkStatus(); }

 private:
  Decompressor& owner_;
};

// Several members one after the other are one file, as gzip has it.
class Decompressor::Gzip : public Format {
 public:
  explicit Gzip(Decompressor& owner) : owner_(owner), out_(kPiece) {
    inflateInit2(&stream_, 15 + 16);  // 16: gzip's header and checksum
  }
  ~Gzip() override { inflateEnd(&stream_); }

  absl::Status Add(std::string_view bytes) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      if (whole_) {
        if (stream_.avail_in == 0) break;
        inflateReset(&stream_);
        whole_ = false;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return absl::InvalidArgumentError(
            Cat("damaged gzip: ", stream_.msg == nullptr ? "no reason told" : stream_.msg));
      }
      whole_ = result == Z_STREAM_END;
      GOFARM_RETURN_IF_ERROR(owner_.Emit({out_.data(), out_.size() - stream_.avail_out}));
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    return whole_ ? absl::OkStatus() : absl::InvalidArgumentError("the end of the gzip data is missing");
  }

 private:
  Decompressor& owner_;
  std::vector<char> out_;
  z_stream stream_{};
  bool whole_ = false;
};

class Decompressor::Zstd : public Format {
 public:
  explicit Zstd(Decompressor& owner) : owner_(owner), out_(kPiece), stream_(ZSTD_createDStream()) {
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kZstdWindowLogMax);
  }
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  absl::Status Add(std::string_view bytes) override {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    bool full = false;
    while (in.pos < in.size || full) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const size_t result = ZSTD_decompressStream(stream_, &out, &in);
      if (ZSTD_isError(result)) return absl::InvalidArgumentError(Cat("damaged zstd: ", ZSTD_getErrorName(result)));
      whole_ = result == 0;
      full = out.pos == out.size && !whole_;  // a frame's end has nothing behind it
      GOFARM_RETURN_IF_ERROR(owner_.Emit({out_.data(), out.pos}));
    }
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    return whole_ ? absl::OkStatus() : absl::InvalidArgumentError("the end of the zstd data is missing");
  }

 private:
  Decompressor& owner_;
  std::vector<char> out_;
  ZSTD_DStream* const stream_;
  bool whole_ = false;
};

Decompressor::Decompressor(Sink sink, int64_t bytes_max) : sink_(std::move(sink)), bytes_max_(bytes_max) {}
Decompressor::~Decompressor() = default;

absl::Status Decompressor::Emit(std::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  bytes_ += static_cast<int64_t>(bytes.size());
  if (bytes_ > bytes_max_) {
    return absl::ResourceExhaustedError(Cat("more than ", bytes_max_, " bytes come out of it: split the input"));
  }
  return sink_(bytes);
}

absl::Status Decompressor::Choose(bool all) {
  if (head_.size() < kZstdMagic.size() && !all) return absl::OkStatus();
  if (head_.starts_with(kGzipMagic)) {
    format_ = std::make_unique<Gzip>(*this);
  } else if (head_.starts_with(kZstdMagic)) {
    format_ = std::make_unique<Zstd>(*this);
  } else {
    format_ = std::make_unique<Plain>(*this);
  }
  return format_->Add(std::exchange(head_, {}));
}

absl::Status Decompressor::Add(std::string_view bytes) {
  if (format_ != nullptr) return bytes.empty() ? absl::OkStatus() : format_->Add(bytes);
  head_.append(bytes);
  return Choose(/*all=*/false);
}

absl::Status Decompressor::Finish() {
  if (format_ == nullptr) GOFARM_RETURN_IF_ERROR(Choose(/*all=*/true));
  return format_->Finish();
}

}  // namespace gofarm::io
