#include "media/offer_answer/attribute_table.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport::sdp;

TEST_GROUP(AttributeTable) {};

TEST(AttributeTable, every_row_has_a_reason_and_stands_once) {
    for (const auto& row : attribute_table()) {
        CHECK_FALSE(row.why.empty());
        LONGS_EQUAL(1, std::ranges::count(attribute_table(), row.name, &AttributeRow::name));
        CHECK_TRUE(find_attribute(row.name) == &row);
    }
    CHECK_TRUE(find_attribute("x-unheard-of") == nullptr);
    CHECK_TRUE(find_attribute("Candidate") == nullptr);
}

TEST(AttributeTable, the_documentation_shows_it) {
    std::ifstream file("docs/headers.md");
    CHECK_TRUE_TEXT(file.good(), "docs/headers.md: run the tests from the root of the tree");
    std::stringstream text;
    text << file.rdbuf();
    CHECK_TRUE(text.str().find(attribute_table_text()) != std::string::npos);
}
