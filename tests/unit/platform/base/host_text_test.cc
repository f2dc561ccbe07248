#include "platform/base/host_text.h"

#include <CppUTest/TestHarness.h>

using sallyport::mentions_address;

TEST_GROUP(HostText) {};

TEST(HostText, addresses_and_host_names_are_found) {
    for (const char* text :
         {"192.0.2.10", "at 192.0.2.10:5060", "[2001:db8::1]", "2001:db8:0:0:0:0:0:1", "a@b", "sip:a@b.c", "http://x",
          "pbx.example", "from PBX.Inner.Example.", "x=pbx.example;y", "\"a.example.com\""}) {
        CHECK_TRUE_TEXT(mentions_address(text), text);
    }
}

TEST(HostText, numbers_times_and_feature_tags_are_none) {
    for (const char* text :
         {"", "q=0.8", "da, en-gb;q=0.8, en;q=0.7", "Sat, 13 Nov 2010 23:29:00 GMT", "mode-set=0,2,4", "0-15,66",
          "urgent", "*;audio;+sip.instance=1", "Done. Next", "1.2.3", "G.722", "..", "a."}) {
        CHECK_FALSE_TEXT(mentions_address(text), text);
    }
}

TEST(HostText, a_single_dot_may_be_forgiven) {
    CHECK_FALSE(mentions_address("Dr.Smith", 2));
    CHECK_TRUE(mentions_address("pbx.inner.example", 2));
    CHECK_TRUE(mentions_address("192.0.2.10", 2));
}
