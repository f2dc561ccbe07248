#include "platform/config/problem.h"

#include <CppUTest/TestHarness.h>

namespace config = sallyport::config;

TEST_GROUP(Problem) {};

TEST(Problem, list_indices_sort_by_value) {
    config::Problems p = {
        {"/routes/10", "b"}, {"/routes/9", "a"}, {"/routes/9/to", "c"}, {"", "d"}, {"/routes/9", "a"}};
    config::sort_problems(p);
    STRCMP_EQUAL("(document): d\n/routes/9: a\n/routes/9/to: c\n/routes/10: b\n", config::text_of(p).c_str());
}

TEST(Problem, a_step_is_escaped_as_rfc_6901_says) {
    STRCMP_EQUAL("/a/b~1c~0d", config::pointer("/a", "b/c~d").c_str());
}

TEST(Problem, a_value_in_a_message_is_bounded_and_without_control_characters) {
    STRCMP_EQUAL("\"a?b\"", config::quoted("a\nb").c_str());
    CHECK(config::quoted(std::string(1000, 'x')).size() < 70);
}

TEST(Problem, the_nearest_name_is_suggested_only_when_it_is_near) {
    STRCMP_EQUAL("access", config::nearest("acess", {"core", "access", "dmz"}).c_str());
    STRCMP_EQUAL("", config::nearest("telephone", {"core", "access"}).c_str());
    STRCMP_EQUAL("; there is \"core\", \"dmz\"", config::suggestion("telephone", {"core", "dmz"}).c_str());
    STRCMP_EQUAL("; there is none", config::suggestion("x", {}).c_str());
}
