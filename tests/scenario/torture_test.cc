// RFC 4475 and RFC 5118, section by section: what becomes of each message of tests/data/torture.
#include "tests/scenario/torture_gate.h"

#include <set>

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

namespace {

bool any_has(const std::vector<std::string>& messages, const std::string& text) {
    for (const auto& m : messages)
        if (m.contains(text)) return true;
    return false;
}

// "" when all is as the table says.
std::string judge(const TortureMessage& m, Transport transport) {
    TortureGate gate(transport);
    const auto out = gate.give(m);
    const auto& expected = is_stream(transport) ? m.stream : m.udp;
    std::string problems;
    const auto say = [&](const std::string& what) {
        problems += m.section + " " + m.name + " over " + std::string(transport_name(transport)) + ": " + what + "\n";
    };
    if (out.verdict != expected) say("expected \"" + expected + "\", got \"" + out.verdict + "\"");
    if (expected != m.udp && !expected.starts_with(m.udp)) return problems;  // the texts are those of a datagram
    // Of a response the sender of the request is the other side.
    const auto& other = m.is_request() ? out.to_other : out.to_sender;
    for (const auto& text : m.arrives)
        if (!any_has(other, text)) say("the other side does not get `" + text + "`");
    for (const auto& text : m.never)
        if (any_has(other, text)) say("the other side gets `" + text + "`");
    const auto body = m.bytes.substr(m.bytes.find("\r\n\r\n"));
    if (m.body && (other.empty() || !other[0].ends_with(body))) say("the body does not arrive as it was");
    for (auto text : m.answer) {
        if (const auto at = text.find("-udp-"); is_stream(transport) && at != std::string::npos)
            text.replace(at, 5, "-tcp-");
        if (!any_has(out.to_sender, text)) say("the sender does not get `" + text + "`");
    }
    if (!problems.empty())
        for (const auto* side : {&out.to_other, &out.to_sender})
            for (const auto& bytes : *side) problems += "--- " + bytes.substr(0, 900) + "\n";
    return problems;
}

}  // namespace

TEST_GROUP(Torture) {};

TEST(Torture, each_section_has_a_message) {
    std::set<std::string> sections;
    for (const auto& m : torture_set()) {
        sections.insert(m.section);
        CHECK_FALSE(m.why.empty() || m.what.empty());
    }
    const auto has = [&](const std::string& section) { CHECK_TEXT(sections.contains(section), section.c_str()); };
    for (int i = 1; i <= 13; ++i) has("RFC 4475 3.1.1." + std::to_string(i));
    for (int i = 1; i <= 19; ++i) has("RFC 4475 3.1.2." + std::to_string(i));
    for (int i = 1; i <= 15; ++i) has("RFC 4475 3.3." + std::to_string(i));
    has("RFC 4475 3.2.1");
    has("RFC 4475 3.4.1");
    for (int i = 1; i <= 10; ++i) has("RFC 5118 4." + std::to_string(i));
}

TEST(Torture, each_message_over_udp_is_dealt_with_as_its_section_says) {
    std::string problems;
    for (const auto& m : torture_set()) problems += judge(m, Transport::kUdp);
    STRCMP_EQUAL("", problems.c_str());
}

TEST(Torture, each_message_over_a_stream_is_dealt_with_as_its_section_says) {
    std::string problems;
    for (const auto& m : torture_set()) problems += judge(m, Transport::kTcp);
    STRCMP_EQUAL("", problems.c_str());
}

}  // namespace sallyport::scenario
