#include "controlplane/ops/certificates.h"

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/os/log.h"
#include "tests/support/certificates.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using ops::Certificates;

namespace {

// Both outside of the tests, which count what they leave.
const test::Authority kAuthority("Sallyport Test Root");
const bool kLogging = (log::start("certificates-test"), true);

}  // namespace

TEST_GROUP(Certificates) {
    config::ControlView view;
    std::map<std::string, std::expected<json::Value, rpc::Error>> answers;
    std::vector<std::pair<std::size_t, std::shared_ptr<const net::TlsContext>>> used;
    Now now{Instant{std::chrono::hours(1)}, std::chrono::system_clock::now()};
    std::unique_ptr<Certificates> certificates;

    void setup() override {
        view.tls_profiles = {{"one", config::TlsClients::kNone, false}, {"two", config::TlsClients::kRequired, false}};
        certificates = std::make_unique<Certificates>(
            view,
            [this](const json::Value& params, const rpc::Done& done) { done(answer(params["profile"].asString())); },
            [this](std::size_t profile, auto context) { used.emplace_back(profile, std::move(context)); });
        give("one", 10);
        give("two", 300);
    }
    rpc::Outcome answer(const std::string& profile) {
        const auto& given = answers.at(profile);
        if (!given) return std::unexpected(given.error());
        return rpc::Reply{.result = *given, .descriptors = {}};
    }
    void give(const std::string& profile, int days) {
        const auto made = kAuthority.make(profile + ".example", {"DNS:" + profile + ".example"}, days);
        json::Value result(Json::objectValue);
        json::Value pair(Json::objectValue);
        pair["chain"] = made.certificate;
        pair["key"] = made.key;
        result["certificates"].append(pair);
        result["authorities"] = kAuthority.certificate();
        answers[profile] = result;
    }
    json::Value load() {
        json::Value out;
        certificates->load([this] { return now; }, [&out](json::Value shown) { out = std::move(shown); });
        return out;
    }
};

TEST(Certificates, those_of_each_profile_are_used_and_shown) {
    const auto shown = load();
    LONGS_EQUAL(2, used.size());
    LONGS_EQUAL(1, used[1].first);
    const auto& one = shown["profiles"][0];
    STRCMP_EQUAL("one", one["name"].asCString());
    STRCMP_EQUAL("none", one["clients"].asCString());
    STRCMP_EQUAL("CN=one.example", one["certificates"][0]["subject"].asCString());
    STRCMP_EQUAL("DNS:one.example", one["certificates"][0]["names"][0].asCString());
    CHECK(one["certificates"][0]["days-left"].asInt() >= 9);
    LONGS_EQUAL(one["certificates"][0]["days-left"].asInt(), certificates->least_days_left(now).value());
    CHECK(shown == certificates->show(now));
}

TEST(Certificates, what_cannot_be_used_leaves_what_there_is) {
    load();
    used.clear();
    answers["one"] =
        std::unexpected(rpc::Error{.code = rpc::kInvalidParams, .message = "/x: no such file", .data = {}});
    (*answers["two"])["certificates"][0]["key"] = "no key";
    const auto shown = load();
    LONGS_EQUAL(0, used.size());
    STRCMP_EQUAL("/x: no such file", shown["profiles"][0]["error"].asCString());
    STRCMP_CONTAINS("certificate 1: the key cannot be read", shown["profiles"][1]["error"].asCString());
    STRCMP_EQUAL("CN=two.example", shown["profiles"][1]["certificates"][0]["subject"].asCString());
    give("one", 20);
    give("two", 20);
    CHECK_FALSE(load()["profiles"][0].isMember("error"));
    LONGS_EQUAL(2, used.size());
}

TEST(Certificates, without_profiles_there_is_nothing_to_ask_for) {
    view.tls_profiles.clear();
    Certificates none(view, {}, {});
    json::Value shown;
    none.load([this] { return now; }, [&shown](json::Value s) { shown = std::move(s); });
    LONGS_EQUAL(0, shown["profiles"].size());
    CHECK_FALSE(none.least_days_left(now).has_value());
}

TEST(Certificates, an_answer_that_comes_after_the_end_is_nobodys) {
    std::vector<rpc::Done> late;
    auto dying = std::make_unique<Certificates>(
        view, [&late](const json::Value&, const rpc::Done& done) { late.push_back(done); }, [](auto, auto) {});
    dying->load([this] { return now; }, [](const json::Value&) { FAIL("told"); });
    dying.reset();
    for (const auto& done : late) done(answer("one"));
    LONGS_EQUAL(2, late.size());
}
