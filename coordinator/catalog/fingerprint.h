// 64 bits that stand for bytes, and for a line of the index. They are stored (catalog_known_lines), so they never
// change: a line with another fingerprint than before would only be slower, one with another line's would be lost. Not
// for secrets; two different lines of one day share one with a probability below 1e-9 a day.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace gofarm::catalog {

namespace internal_fingerprint {
inline constexpr uint64_t kSecret[4] = {0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3};

inline uint64_t Mix(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}
// Little endian on every machine we build for (x86_64, aarch64, riscv64, loongarch64).
inline uint64_t Load(const char* bytes, size_t n) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, n);
  return value;
}
}  // namespace internal_fingerprint

// By the construction of wyhash.
inline uint64_t HashBytes(std::string_view bytes, uint64_t seed = 0) {
  using internal_fingerprint::kSecret;
  using internal_fingerprint::Load;
  using internal_fingerprint::Mix;
  const char* p = bytes.data();
  size_t left = bytes.size();
  uint64_t hash = seed ^ kSecret[0];
  while (left > 16) {
    hash = Mix(Load(p, 8) ^ kSecret[1], Load(p + 8, 8) ^ hash);
    p += 16;
    left -= 16;
  }
  const uint64_t a = left > 8 ? Load(p, 8) : Load(p, left);
  const uint64_t b = left > 8 ? Load(p + 8, left - 8) : 0;
  return Mix(kSecret[1] ^ bytes.size(), Mix(a ^ kSecret[1], b ^ hash));
}

// `path_hash`: HashBytes of the path.
inline uint64_t LineFingerprint(uint64_t path_hash, std::string_view version, int64_t micros) {
  using internal_fingerprint::kSecret;
  using internal_fingerprint::Mix;
  return Mix(HashBytes(version, path_hash) ^ kSecret[2], static_cast<uint64_t>(micros) ^ kSecret[3]);
}

inline constexpr int64_t kMicrosPerDay = int64_t{86'400} * 1'000'000;

// The day of a line, since 1970.
inline int32_t DayOf(int64_t unix_micros) {
  const int64_t day = unix_micros / kMicrosPerDay;
  return static_cast<int32_t>(unix_micros % kMicrosPerDay < 0 ? day - 1 : day);
}

}  // namespace gofarm::catalog
