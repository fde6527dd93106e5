#include "tests/support/outside_chain.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/pki/key.h"
#include "common/pki/openssl.h"

namespace gofarm::testing {
namespace {

using pki::OwnedCertificate;
using pki::OwnedKey;
using OwnedExtension = pki::Owned<X509_EXTENSION, X509_EXTENSION_free>;

struct Plan {
  const char* common_name;
  const char* basic_constraints;
  std::string names;  // empty: of an authority
  absl::Time from, to;
};

OwnedCertificate Sign(const Plan& plan, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  static long serial = 1000;
  OwnedCertificate x509(X509_new());
  X509_set_version(x509.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), absl::ToTimeT(plan.from));
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), absl::ToTimeT(plan.to));
  X509_set_pubkey(x509.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(plan.common_name), -1, -1, 0);
  X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer == nullptr ? x509.get() : issuer));
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer == nullptr ? x509.get() : issuer, x509.get(), nullptr, nullptr, 0);
  const auto add = [&](int nid, const char* value) {
    const OwnedExtension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    GOFARM_CHECK(extension != nullptr && X509_add_ext(x509.get(), extension.get(), -1) == 1);
  };
  add(NID_basic_constraints, plan.basic_constraints);
  add(NID_subject_key_identifier, "hash");
  if (!plan.names.empty()) add(NID_subject_alt_name, plan.names.c_str());
  GOFARM_CHECK(X509_sign(x509.get(), issuer_key, EVP_sha256()) > 0);
  return x509;
}

std::string Pem(X509* x509) {
  const pki::OwnedBio bio = pki::Writer();
  PEM_write_bio_X509(bio.get(), x509);
  return pki::Written(bio);
}

}  // namespace

OutsideChain MakeOutsideChain(const std::vector<std::string>& names, absl::Time now, absl::Duration life) {
  constexpr int kRsaBits = 2048;
  const absl::Time from = now - absl::Hours(1), to = now + absl::Hours(24 * 365);
  const OwnedKey root_key(EVP_RSA_gen(kRsaBits)), between_key(EVP_RSA_gen(kRsaBits));
  OutsideChain made{.key = pki::NewKey().value()};
  const OwnedKey key = pki::ParseKey(made.key);
  std::string alternative = "URI:spiffe://corp.example/farm";  // names of other kinds are no fault
  for (const std::string& name : names) alternative += Cat(pki::IsIpAddress(name) ? ",IP:" : ",DNS:", name);
  const OwnedCertificate root =
      Sign({"Corp Root", "critical,CA:TRUE", "", from, to}, root_key.get(), nullptr, root_key.get());
  const OwnedCertificate between =
      Sign({"Corp Servers", "critical,CA:TRUE", "", from, to}, between_key.get(), root.get(), root_key.get());
  const OwnedCertificate server =
      Sign({"farm", "critical,CA:FALSE", alternative, from, now + life}, key.get(), between.get(), between_key.get());
  made.root = Pem(root.get());
  made.server = Pem(server.get());
  made.chain = Cat(made.server, Pem(between.get()));
  return made;
}

}  // namespace gofarm::testing
