#include "platform/manager/tls_check.h"

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/certificates.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using manager::check_tls_files;

TEST_GROUP(TlsCheck) {
    std::string folder;
    config::TlsFiles profile;
    WallTime now{std::chrono::system_clock::now().time_since_epoch()};

    void setup() override {
        std::string pattern = "/tmp/sallyport-tls-XXXXXX";
        folder = ::mkdtemp(pattern.data());
        const test::Authority authority("Root");
        const auto made = authority.make("gate.example", {"DNS:gate.example"}, 90);
        profile = {"gate", {{folder + "/gate.pem", folder + "/gate.key"}}, folder + "/ca.pem"};
        write("gate.pem", made.certificate + authority.certificate());
        write("gate.key", made.key);
        write("other.key", authority.make("other.example", {}).key);
        write("ca.pem", authority.certificate());
    }
    void teardown() override { std::filesystem::remove_all(folder); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder + "/" + name, std::ios::binary) << text;
    }
    config::Problems problems() const { return check_tls_files({profile}, now).problems; }
    void says(const char* path, const std::string& text) const {
        const auto found = problems();
        LONGS_EQUAL(1, found.size());
        STRCMP_EQUAL(path, found[0].path.c_str());
        STRCMP_CONTAINS(text.c_str(), found[0].text.c_str());
    }
};

TEST(TlsCheck, files_that_fit_are_no_problem) {
    CHECK(problems().empty());
    CHECK(check_tls_files({profile}, now).warnings.empty());
    profile.authorities.clear();
    CHECK(problems().empty());
}

TEST(TlsCheck, what_is_not_there_is_named_at_its_place) {
    std::filesystem::remove(folder + "/gate.key");
    says("/tls-profiles/gate/certificates/0/key", "gate.key: No such file");
    profile.pairs = {{folder, folder + "/other.key"}};
    says("/tls-profiles/gate/certificates/0/certificate", folder);
}

TEST(TlsCheck, a_key_of_another_certificate_is_found) {
    profile.pairs.push_back({folder + "/gate.pem", folder + "/other.key"});
    says("/tls-profiles/gate/certificates/1/key", "other.key is not the key of the first certificate in ");
}

TEST(TlsCheck, what_is_no_pem_is_found) {
    write("gate.pem", "nothing");
    says("/tls-profiles/gate/certificates/0/certificate", "gate.pem holds no certificate that can be read");
    write("ca.pem", "");
    LONGS_EQUAL(2, problems().size());
    write("gate.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    LONGS_EQUAL(3, problems().size());
}

TEST(TlsCheck, times_are_a_warning) {
    const auto warned = [this](std::chrono::days later) {
        now += later;
        const auto found = check_tls_files({profile}, now);
        CHECK(found.problems.empty());
        std::string out;
        for (const auto& each : found.warnings) out += each.line() + '\n';
        return out;
    };
    STRCMP_CONTAINS("/tls-profiles/gate/certificates/0/certificate: CN=gate.example ends in 24 days",
                    warned(std::chrono::days(65)).c_str());
    STRCMP_CONTAINS("CN=gate.example has ended", warned(std::chrono::days(30)).c_str());
    STRCMP_CONTAINS("CN=gate.example has not begun yet", warned(std::chrono::days(-300)).c_str());
}
