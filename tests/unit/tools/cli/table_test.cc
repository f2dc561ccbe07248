#include "tools/cli/table.h"

#include <string>

#include "tools/cli/units.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport::cli;

TEST_GROUP(Table) {};

TEST(Table, ColumnsStandUnderTheirHeadersNumbersRightTextLeft) {
    Table table({{"NAME"}, {"COUNT", Align::kRight}, {"NOTE"}});
    table.add({"a", "5", "x"});
    table.add({"longer", "12,345", ""});
    STRCMP_EQUAL(
        "NAME     COUNT  NOTE\n"
        "a            5  x\n"
        "longer  12,345\n",
        table.text().c_str());
}

TEST(Table, WidthsCountCharactersNotBytes) {
    Table table({{"A"}, {"B"}});
    table.add({"zoë", "1"});
    table.add({"four", "2"});
    STRCMP_EQUAL("A     B\nzoë   1\nfour  2\n", table.text().c_str());
}

TEST(Table, WhatAPeerSentCannotDriveTheTerminal) {
    Table table({{"USER"}});
    table.add({"a\x1b[31mb\nc\x7f\xc2\x9b!"});
    STRCMP_EQUAL(
        "USER\na?[31mb?c??"
        "?!\n",
        table.text().c_str());
}

TEST(Table, ARowMayBeShort) {
    Table table({{"A"}, {"B"}});
    CHECK(table.empty());
    table.add({"only"});
    STRCMP_EQUAL("A     B\nonly\n", table.text().c_str());
}

TEST_GROUP(Units) {};

TEST(Units, Durations) {
    STRCMP_EQUAL("0 ms", duration(-5).c_str());
    STRCMP_EQUAL("999 ms", duration(999).c_str());
    STRCMP_EQUAL("12.3 s", duration(12345).c_str());
    STRCMP_EQUAL("59.9 s", duration(59999).c_str());
    STRCMP_EQUAL("1:00", duration(60000).c_str());
    STRCMP_EQUAL("59:59", duration(3599999).c_str());
    STRCMP_EQUAL("1:02:03", duration(3723000).c_str());
    STRCMP_EQUAL("2 d 03:04:05", duration(((2 * 24 + 3) * 3600 + 4 * 60 + 5) * 1000LL).c_str());
}

TEST(Units, Sizes) {
    STRCMP_EQUAL("0 B", bytes(0).c_str());
    STRCMP_EQUAL("1023 B", bytes(1023).c_str());
    STRCMP_EQUAL("1.0 KiB", bytes(1024).c_str());
    STRCMP_EQUAL("104 KiB", bytes(106124).c_str());
    STRCMP_EQUAL("1.0 MiB", bytes(1024 * 1024 - 1).c_str());
    STRCMP_EQUAL("16 EiB", bytes(~0ULL).c_str());
}

TEST(Units, CountsPercentagesAndJitter) {
    STRCMP_EQUAL("0", count(0).c_str());
    STRCMP_EQUAL("999", count(999).c_str());
    STRCMP_EQUAL("1,000", count(1000).c_str());
    STRCMP_EQUAL("1,234,567", count(1234567).c_str());
    STRCMP_EQUAL("-", percent(0, 0).c_str());
    STRCMP_EQUAL("0.0 %", percent(0, 10).c_str());
    STRCMP_EQUAL("33.3 %", percent(1, 3).c_str());
    STRCMP_EQUAL("0.8", milliseconds(812).c_str());
}
