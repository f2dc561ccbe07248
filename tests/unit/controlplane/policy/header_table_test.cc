#include "controlplane/policy/header_table.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "controlplane/sip/text.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::policy;

TEST_GROUP(HeaderTable) {};

TEST(HeaderTable, every_header_that_the_parser_knows_is_decided_once_and_with_a_reason) {
    for (std::size_t i = 1; i < sip::kHeaderIds; ++i) {
        const auto id = static_cast<sip::HeaderId>(i);
        const auto* row = find_header(id, sip::header_name(id));
        CHECK_TRUE(row != nullptr);
        CHECK_TRUE(row->id == id && row->name == sip::header_name(id));
    }
    for (const auto& row : header_table()) {
        CHECK_FALSE(row.why.empty());
        CHECK_TRUE(row.id == sip::header_id(row.name));
        LONGS_EQUAL(1, std::ranges::count(header_table(), row.name, &HeaderRow::name));
    }
    CHECK_TRUE(std::ranges::is_sorted(header_table(), [](const HeaderRow& a, const HeaderRow& b) {
        return std::ranges::lexicographical_compare(a.name, b.name, {}, sip::lower, sip::lower);
    }));
}

TEST(HeaderTable, names_without_an_id_are_found_in_any_case) {
    CHECK_TRUE(find_header(sip::HeaderId::kOther, "rEFERENCES") != nullptr);
    CHECK_TRUE(find_header(sip::HeaderId::kOther, "X-Unheard-Of") == nullptr);
}

TEST(HeaderTable, trust_is_what_rows_differ_by) {
    const auto* row = find_header(sip::HeaderId::kPAssertedIdentity, "P-Asserted-Identity");
    CHECK_TRUE(row->rule(crossing(config::Trust::kTrusted, config::Trust::kTrusted)) == Rule::kRewrite);
    CHECK_TRUE(row->rule(crossing(config::Trust::kTrusted, config::Trust::kUntrusted)) == Rule::kRewrite);
    CHECK_TRUE(row->rule(crossing(config::Trust::kUntrusted, config::Trust::kTrusted)) == Rule::kStrip);
    CHECK_TRUE(row->rule(crossing(config::Trust::kUntrusted, config::Trust::kUntrusted)) == Rule::kStrip);
}

TEST(HeaderTable, what_methods_have_otherwise_is_in_the_first_table_too) {
    for (const auto& row : method_table()) {
        CHECK_TRUE(find_header(row.id, row.name) != nullptr);
        CHECK_FALSE(row.why.empty());
        LONGS_EQUAL(1, std::ranges::count(method_table(), row.name, &MethodRow::name));
        CHECK_TRUE(row.id == sip::header_id(row.name));
    }
}

TEST(HeaderTable, a_body_belongs_to_the_users_outside_of_calls_and_to_us_within) {
    using enum sip::Method;
    const auto* type = find_header(sip::HeaderId::kContentType, "Content-Type");
    const auto any = crossing(config::Trust::kUntrusted, config::Trust::kUntrusted);
    for (const auto method : {kMessage, kInfo, kPublish, kOther})
        CHECK_TRUE(rule_of(*type, method, any) == Rule::kOpaque);
    for (const auto method : {kInvite, kBye, kOptions, kAck}) CHECK_TRUE(rule_of(*type, method, any) == Rule::kOwn);
    const auto* etag = find_header(sip::HeaderId::kSipEtag, "SIP-ETag");
    CHECK_TRUE(rule_of(*etag, kPublish, any) == Rule::kOpaque);
    CHECK_TRUE(rule_of(*etag, kMessage, any) == Rule::kStrip);
    const auto* suppress = find_header(sip::HeaderId::kOther, "Suppress-If-Match");
    CHECK_TRUE(rule_of(*suppress, kSubscribe, any) == Rule::kOpaque);
    const auto* references = find_header(sip::HeaderId::kOther, "References");
    CHECK_TRUE(rule_of(*references, kSubscribe, any) == Rule::kStrip);
}

TEST(HeaderTable, the_documentation_shows_it) {
    std::ifstream file("docs/headers.md");
    CHECK_TRUE_TEXT(file.good(), "docs/headers.md: run the tests from the root of the tree");
    std::stringstream text;
    text << file.rdbuf();
    CHECK_TRUE(text.str().find(header_table_text()) != std::string::npos);
    CHECK_TRUE(text.str().find(method_table_text()) != std::string::npos);
}
