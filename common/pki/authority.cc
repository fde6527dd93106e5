#include "common/pki/authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/pki/key.h"
#include "common/pki/openssl.h"

namespace gofarm::pki {
namespace {

using OwnedExtension = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using OwnedNumber = Owned<BIGNUM, BN_free>;

constexpr int kSerialBytes = 16;
constexpr size_t kNameMax = 253;
constexpr size_t kCommonNameMax = 64;  // X.520
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

bool IsPlain(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax && text.find_first_not_of(kNameCharacters) == std::string_view::npos;
}

struct Plan {
  std::string common_name;
  std::string alternative_names;  // OpenSSL's notation; empty: none
  const char* basic_constraints = nullptr;
  const char* key_usage = nullptr;
  const char* extended_key_usage = nullptr;
  absl::Duration life;
};

// `issuer` null: signed by itself.
absl::StatusOr<std::string> Make(const Plan& plan, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key, absl::Time now) {
  const OwnedCertificate x509(X509_new());
  if (x509 == nullptr) return OpensslError("make a certificate");
  unsigned char random[kSerialBytes];
  if (RAND_bytes(random, sizeof random) != 1) return OpensslError("read random bytes");
  random[0] = static_cast<unsigned char>((random[0] & 0x7f) | 0x40);  // positive, and always of the same length
  const OwnedNumber serial(BN_bin2bn(random, sizeof random, nullptr));
  X509_NAME* const subject = X509_get_subject_name(x509.get());
  const auto add = [&](const char* field, std::string_view text) {
    const std::string_view cut = text.substr(0, kCommonNameMax);
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(cut.data()),
                                      static_cast<int>(cut.size()), -1, 0) == 1;
  };
  if (serial == nullptr || X509_set_version(x509.get(), X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509.get())) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(x509.get()), absl::ToTimeT(now - kBackdated)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(x509.get()), absl::ToTimeT(now + plan.life)) == nullptr ||
      X509_set_pubkey(x509.get(), key) != 1 || !add("O", "gofarm") || !add("CN", plan.common_name) ||
      X509_set_issuer_name(x509.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer)) != 1) {
    return OpensslError("fill in a certificate");
  }
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer == nullptr ? x509.get() : issuer, x509.get(), nullptr, nullptr, 0);
  const std::pair<int, const char*> extensions[] = {
      {NID_basic_constraints, plan.basic_constraints},
      {NID_key_usage, plan.key_usage},
      {NID_ext_key_usage, plan.extended_key_usage},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, issuer == nullptr ? nullptr : "keyid:always"},
      {NID_subject_alt_name, plan.alternative_names.empty() ? nullptr : plan.alternative_names.c_str()},
  };
  for (const auto& [nid, value] : extensions) {
    if (value == nullptr) continue;
    const OwnedExtension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    if (extension == nullptr || X509_add_ext(x509.get(), extension.get(), -1) != 1) {
      return OpensslError(Cat("add ", OBJ_nid2sn(nid), " to a certificate"));
    }
  }
  const OwnedBio bio = Writer();
  if (bio == nullptr || X509_sign(x509.get(), issuer_key, EVP_sha256()) <= 0 ||
      PEM_write_bio_X509(bio.get(), x509.get()) != 1) {
    return OpensslError("sign a certificate");
  }
  return Written(bio);
}

absl::StatusOr<std::string> Issue(const Authority& authority, const Plan& plan, EVP_PKEY* key, absl::Time now) {
  const OwnedKey issuer_key = ParseKey(authority.key);
  const OwnedCertificate issuer = ParseCertificate(authority.certificate);
  if (issuer_key == nullptr || issuer == nullptr || X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the farm's authority: its key and its certificate do not belong together");
  }
  return Make(plan, key, issuer.get(), issuer_key.get(), now);
}

}  // namespace

absl::Duration LifeOf(Role role) { return role == Role::kWorker ? kWorkerLife : kPersonLife; }

absl::StatusOr<Authority> NewAuthority(std::string_view farm, absl::Time now) {
  if (!IsPlain(farm)) return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(farm), "\" is no farm id"));
  Authority authority;
  GOFARM_ASSIGN_OR_RETURN(authority.key, NewKey());
  const OwnedKey key = ParseKey(authority.key);
  const Plan plan{.common_name = Cat(kAuthorityName, farm),
                  .basic_constraints = "critical,CA:TRUE,pathlen:0",
                  .key_usage = "critical,keyCertSign,cRLSign",
                  .life = kAuthorityLife};
  GOFARM_ASSIGN_OR_RETURN(authority.certificate, Make(plan, key.get(), nullptr, key.get(), now));
  return authority;
}

absl::StatusOr<std::string> IssueServer(const Authority& authority, std::string_view key_pem, std::string_view farm,
                                        const std::vector<std::string>& names, absl::Time now) {
  const OwnedKey key = ParseKey(key_pem);
  if (key == nullptr || !IsP256(key.get())) return absl::InvalidArgumentError("the server's key is none");
  std::string alternative = Cat("DNS:", ServerName(farm));
  for (const std::string& name : names) {
    if (IsIpAddress(name)) {
      alternative += Cat(",IP:", name);
    } else if (IsPlain(name)) {
      alternative += Cat(",DNS:", name);
    } else {
      return absl::InvalidArgumentError(
          Cat("public name \"", EscapeForPrint(name), "\" is neither a host name nor an address"));
    }
  }
  const Plan plan{.common_name = ServerName(farm),
                  .alternative_names = std::move(alternative),
                  .basic_constraints = "critical,CA:FALSE",
                  .key_usage = "critical,digitalSignature",
                  .extended_key_usage = "serverAuth",
                  .life = kServerLife};
  return Issue(authority, plan, key.get(), now);
}

absl::StatusOr<std::string> IssueClient(const Authority& authority, std::string_view public_key_pem,
                                        const Subject& subject, absl::Time now) {
  const OwnedBio bio = Reader(public_key_pem);
  const OwnedKey key(bio == nullptr ? nullptr : PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (key == nullptr || !IsP256(key.get())) return absl::InvalidArgumentError("the public key is none");
  if (!IsPlain(subject.farm) || !IsPlain(subject.name) || subject.identity <= 0 || subject.role == Role::kNone) {
    return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(subject.name), "\" is no identity of a farm"));
  }
  const Plan plan{.common_name = subject.name,
                  .alternative_names = Cat("URI:gofarm://", subject.farm, "/", Name(subject.role), "/",
                                           subject.identity, "/", subject.name),
                  .basic_constraints = "critical,CA:FALSE",
                  .key_usage = "critical,digitalSignature",
                  .extended_key_usage = "clientAuth",
                  .life = LifeOf(subject.role)};
  return Issue(authority, plan, key.get(), now);
}

}  // namespace gofarm::pki
