#include "tests/support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>

namespace sallyport::test {

namespace {

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const auto length = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(length));
    BIO_free(bio);
    return out;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

X509* start(const std::string& common_name, EVP_PKEY* key, int days) {
    static std::atomic<long> serial{1};
    constexpr long kDay = 86400;
    X509* out = X509_new();
    X509_set_version(out, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(out), serial++);
    X509_gmtime_adj(X509_getm_notBefore(out), days < 0 ? 2 * days * kDay : -kDay);
    X509_gmtime_adj(X509_getm_notAfter(out), days * kDay);
    X509_set_pubkey(out, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
    return out;
}

EVP_PKEY* new_key() {
    std::string curve = "P-256";  // OpenSSL's macro takes it as if it could change it
    return EVP_EC_gen(curve.data());
}

std::string pem_of(X509* certificate) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    return text_of(bio);
}

}  // namespace

struct Authority::Parts {
    EVP_PKEY* key = new_key();
    X509* certificate = nullptr;
    ~Parts() {
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
};

Authority::Authority(const std::string& name) : parts_(std::make_unique<Parts>()) {
    auto* own = parts_->certificate = start(name, parts_->key, 3650);
    X509_set_issuer_name(own, X509_get_subject_name(own));
    add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
    X509_sign(own, parts_->key, EVP_sha256());
    certificate_ = pem_of(own);
}

Authority::~Authority() = default;

MadeCertificate Authority::make(const std::string& common_name, const std::vector<std::string>& names, int days) const {
    EVP_PKEY* key = new_key();
    X509* certificate = start(common_name, key, days);
    X509_set_issuer_name(certificate, X509_get_subject_name(parts_->certificate));
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ",") + name;
    if (!all.empty()) add_extension(certificate, parts_->certificate, NID_subject_alt_name, all);
    X509_sign(certificate, parts_->key, EVP_sha256());
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    MadeCertificate out{pem_of(certificate), text_of(bio)};
    X509_free(certificate);
    EVP_PKEY_free(key);
    return out;
}

}  // namespace sallyport::test
