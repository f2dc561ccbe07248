#include "platform/manager/restart_policy.h"

#include <chrono>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using sallyport::manager::RestartPolicy;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST_GROUP(RestartPolicy) {};

TEST(RestartPolicy, AtOnceFirstThenGrowingUpToASecond) {
    RestartPolicy policy;
    for (const Duration expected : {Duration(0), Duration(250ms), Duration(500ms), Duration(1s), Duration(1s)}) {
        CHECK(policy.after_end(1s) == expected);
    }
}

TEST(RestartPolicy, ALongLifeBeginsAnew) {
    RestartPolicy policy;
    for (int i = 0; i < 5; ++i) policy.after_end(1s);
    CHECK(policy.after_end(29s) == Duration(1s));
    CHECK(policy.after_end(30s) == Duration(0));
    CHECK(policy.after_end(1s) == Duration(250ms));
}
