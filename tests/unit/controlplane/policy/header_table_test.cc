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

TEST(HeaderTable, the_documentation_shows_it) {
    std::ifstream file("docs/headers.md");
    CHECK_TRUE_TEXT(file.good(), "docs/headers.md: run the tests from the root of the tree");
    std::stringstream text;
    text << file.rdbuf();
    CHECK_TRUE(text.str().find(header_table_text()) != std::string::npos);
}
