#include "platform/manager/tls_material.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using manager::tls_material;

TEST_GROUP(TlsMaterial) {
    std::string folder;
    std::vector<config::TlsFiles> profiles;

    void setup() override {
        std::string pattern = "/tmp/sallyport-tls-XXXXXX";
        folder = ::mkdtemp(pattern.data());
        profiles = {{"gate", {{folder + "/gate.pem", folder + "/gate.key"}}, folder + "/ca.pem"}};
        write("gate.pem", "CHAIN");
        write("gate.key", "KEY");
        write("ca.pem", "AUTHORITIES");
    }
    void teardown() override { std::filesystem::remove_all(folder); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder + "/" + name, std::ios::binary) << text;
    }
    static json::Value named(const std::string& profile) {
        json::Value out(Json::objectValue);
        out["profile"] = profile;
        return out;
    }
};

TEST(TlsMaterial, the_files_of_a_profile_are_read_anew_each_time) {
    auto material = tls_material(profiles, named("gate")).value();
    STRCMP_EQUAL("CHAIN", material["certificates"][0]["chain"].asCString());
    STRCMP_EQUAL("KEY", material["certificates"][0]["key"].asCString());
    STRCMP_EQUAL("AUTHORITIES", material["authorities"].asCString());
    write("gate.key", "ANOTHER");
    material = tls_material(profiles, named("gate")).value();
    STRCMP_EQUAL("ANOTHER", material["certificates"][0]["key"].asCString());
    profiles[0].authorities.clear();
    CHECK_FALSE(tls_material(profiles, named("gate"))->isMember("authorities"));
}

TEST(TlsMaterial, what_cannot_be_read_is_named) {
    std::filesystem::remove(folder + "/gate.key");
    STRCMP_CONTAINS("/gate.key: ", tls_material(profiles, named("gate")).error().c_str());
    write("gate.key", std::string(400'000, 'x'));
    STRCMP_CONTAINS("/gate.key", tls_material(profiles, named("gate")).error().c_str());
}

TEST(TlsMaterial, nobody_names_files_by_asking) {
    for (const auto& params : {named("other"), named("/etc/passwd"), json::Value(Json::objectValue)})
        STRCMP_EQUAL("profile: there is no such TLS profile", tls_material(profiles, params).error().c_str());
}
