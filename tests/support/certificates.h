#pragma once
// Certificates made in the test that needs them (ECDSA P-256), as PEM texts.

#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {

struct MadeCertificate {
    std::string certificate;
    std::string key;
};

class Authority {
public:
    explicit Authority(const std::string& name);
    ~Authority();
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    const std::string& certificate() const { return certificate_; }
    // `names`: "DNS:gate.example", "URI:sip:example.com", "IP:127.0.0.1". `days`: from now, may lie in the past.
    MadeCertificate make(const std::string& common_name, const std::vector<std::string>& names, int days = 30) const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
    std::string certificate_;
};

}  // namespace sallyport::test
