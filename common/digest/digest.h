// SHA-256 (OpenSSL), BLAKE2b-512 (OpenSSL) and BLAKE3 (the official C library) over bytes that come piece by piece, and
// over files. Results are lower-case hex. Hashers belong to one thread at a time; the free functions are thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gofarm::digest {

class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void Update(std::string_view bytes);
  // 64 hex digits; the hasher is new again afterwards.
  std::string HexAndReset();
  // 32 raw bytes; the hasher is new again afterwards.
  std::string RawAndReset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Blake3 {
 public:
  Blake3();
  Blake3(Blake3&&) noexcept;
  Blake3& operator=(Blake3&&) noexcept;
  ~Blake3();

  void Update(std::string_view bytes);
  std::string HexAndReset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct FileDigests {
  std::string sha256;
  std::string blake3;
  int64_t size = 0;
};

// Both digests in one pass; links are followed. NOT_FOUND, PERMISSION_DENIED or INTERNAL name the path.
absl::StatusOr<FileDigests> DigestFile(const std::string& path);

std::string Sha256Hex(std::string_view bytes);
std::string Blake3Hex(std::string_view bytes);
// 64 raw bytes: what minisign signs in place of a file.
std::string Blake2b512(std::string_view bytes);
std::string Hex(std::string_view bytes);

}  // namespace gofarm::digest
