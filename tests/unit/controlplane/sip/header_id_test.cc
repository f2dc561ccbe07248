#include "controlplane/sip/header_id.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport::sip;

TEST_GROUP(HeaderId) {};

TEST(HeaderId, EveryNameIsFoundInAnyCase) {
    for (std::size_t i = 1; i < kHeaderIds; ++i) {
        const auto id = static_cast<HeaderId>(i);
        std::string name(header_name(id));
        CHECK(header_id(name) == id);
        for (auto& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
        CHECK(header_id(name) == id);
        CHECK(header_id(name + "x") == HeaderId::kOther);
        CHECK(header_id(std::string_view(name).substr(1)) != id);
    }
}

TEST(HeaderId, CompactFormsOfTheRegistry) {
    CHECK(header_id("v") == HeaderId::kVia);
    CHECK(header_id("F") == HeaderId::kFrom);
    CHECK(header_id("t") == HeaderId::kTo);
    CHECK(header_id("i") == HeaderId::kCallId);
    CHECK(header_id("m") == HeaderId::kContact);
    CHECK(header_id("l") == HeaderId::kContentLength);
    CHECK(header_id("c") == HeaderId::kContentType);
    CHECK(header_id("k") == HeaderId::kSupported);
    CHECK(header_id("s") == HeaderId::kSubject);
    CHECK(header_id("e") == HeaderId::kContentEncoding);
    CHECK(header_id("r") == HeaderId::kReferTo);
    CHECK(header_id("x") == HeaderId::kSessionExpires);
    CHECK(header_id("z") == HeaderId::kOther);
    CHECK(header_id("\xff") == HeaderId::kOther);
    CHECK(header_id("") == HeaderId::kOther);
}

// In a line there are bytes behind the name, which are no part of it.
TEST(HeaderId, WhatStandsBehindTheNameDoesNotCount) {
    for (std::size_t i = 1; i < kHeaderIds; ++i) {
        const auto id = static_cast<HeaderId>(i);
        std::string line(header_name(id));
        const auto n = line.size();
        line += ": something that is long enough";
        CHECK(header_id(std::string_view(line).substr(0, n), line.size()) == id);
        const auto shorter = line.substr(0, n - 1);  // "T" is To, too
        CHECK(header_id(std::string_view(line).substr(0, n - 1), line.size()) == header_id(shorter));
        CHECK(header_id(std::string_view(line).substr(0, n + 1), line.size()) == HeaderId::kOther);
        line[n / 2] = static_cast<char>(line[n / 2] ^ 1);
        CHECK(header_id(std::string_view(line).substr(0, n), line.size()) != id);
    }
}
