#include "common/digest/digest.h"

#include <blake3.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace gofarm::digest {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kSha256Bytes = 32;
constexpr size_t kBlake2b512Bytes = 64;

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { Start(); }
  ~State() { EVP_MD_CTX_free(context); }
  // Fails only without memory or without SHA-256 in OpenSSL: nothing a caller could handle.
  void Start() { GOFARM_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  GOFARM_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::RawAndReset() {
  std::string raw(kSha256Bytes, '\0');
  unsigned int size = 0;
  GOFARM_CHECK(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(raw.data()), &size) == 1 &&
               size == kSha256Bytes);
  state_->Start();
  return raw;
}

std::string Sha256::HexAndReset() { return Hex(RawAndReset()); }

struct Blake3::State {
  blake3_hasher hasher;
};

Blake3::Blake3() : state_(std::make_unique<State>()) { blake3_hasher_init(&state_->hasher); }
Blake3::Blake3(Blake3&&) noexcept = default;
Blake3& Blake3::operator=(Blake3&&) noexcept = default;
Blake3::~Blake3() = default;

void Blake3::Update(std::string_view bytes) { blake3_hasher_update(&state_->hasher, bytes.data(), bytes.size()); }

std::string Blake3::HexAndReset() {
  std::string raw(BLAKE3_OUT_LEN, '\0');
  blake3_hasher_finalize(&state_->hasher, reinterpret_cast<uint8_t*>(raw.data()), raw.size());
  blake3_hasher_init(&state_->hasher);
  return Hex(raw);
}

absl::StatusOr<FileDigests> DigestFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, Cat("open ", EscapeForPrint(path)));
  Sha256 sha256;
  Blake3 blake3;
  FileDigests digests;
  std::vector<char> buffer(kReadBytes);
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      return ErrnoStatus(error, Cat("read ", EscapeForPrint(path)));
    }
    if (n == 0) break;
    const std::string_view bytes(buffer.data(), static_cast<size_t>(n));
    sha256.Update(bytes);
    blake3.Update(bytes);
    digests.size += n;
  }
  ::close(fd);
  digests.sha256 = sha256.HexAndReset();
  digests.blake3 = blake3.HexAndReset();
  return digests;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hasher;
  hasher.Update(bytes);
  return hasher.HexAndReset();
}

std::string Blake3Hex(std::string_view bytes) {
  Blake3 hasher;
  hasher.Update(bytes);
  return hasher.HexAndReset();
}

std::string Blake2b512(std::string_view bytes) {
  std::string raw(kBlake2b512Bytes, '\0');
  unsigned int size = 0;
  GOFARM_CHECK(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(raw.data()), &size,
                          EVP_blake2b512(), nullptr) == 1 &&
               size == kBlake2b512Bytes);
  return raw;
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace gofarm::digest
