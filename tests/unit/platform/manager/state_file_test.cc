#include "platform/manager/state_file.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport::manager;

TEST_GROUP(StateFile) {};

TEST(StateFile, IsReadAsItWasWritten) {
    SavedState state;
    CHECK(*parse_state(write_state(state)) == state);
    state.taps = {"access", "core"};
    state.processes["dataplane"] = {.pid = 4711, .start_time = 1234567890123};
    CHECK(*parse_state(write_state(state)) == state);
}

TEST(StateFile, WhatIsNoStateIsRefused) {
    for (const char* text :
         {"", "{}", "[]", R"({"taps":1,"processes":{}})", R"({"taps":[],"processes":[]})",
          R"({"taps":[""],"processes":{}})", R"({"taps":["a-name-of-16-chars"],"processes":{}})",
          R"({"taps":[],"processes":{"control":7}})", R"({"taps":[],"processes":{"control":{"pid":1,"start-time":1}}})",
          R"({"taps":[],"processes":{"control":{"pid":-5,"start-time":1}}})",
          R"({"taps":[],"processes":{"control":{"pid":100}}})"}) {
        CHECK_TEXT(!parse_state(text), text);
    }
}
