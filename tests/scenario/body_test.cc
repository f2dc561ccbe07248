// Bodies that are more than SDP: what of them is taken, what has to be refused (RFC 5621, RFC 3204).
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

namespace {

const std::string kIsup = "Content-Type: application/ISUP;base=itu-t92+;version=itu-t92+\r\n";
const std::string kOptional = "Content-Disposition: signal;handling=optional\r\n";
const std::string kRequired = "Content-Disposition: signal;handling=required\r\n";

}  // namespace

TEST_GROUP_BASE(Bodies, WorldTest) {
    // SDP and another part with these headers.
    static std::string two_parts(const std::string& sdp, const std::string& other) {
        return "--b7\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "\r\n--b7\r\n" + other +
               "\r\nsecret of one side\r\n--b7--\r\n";
    }
    UaCall& invite(const std::string& body, const std::string& type = "multipart/mixed;boundary=b7") {
        pbx().script.body_type = type;
        auto& call = pbx().invite("100", body);
        world.run_for(2s);
        pbx().script.body_type = "application/sdp";
        return call;
    }
};

TEST(Bodies, sdp_is_found_beside_a_part_that_may_be_ignored) {
    world.start();
    carrier();
    auto& call = invite(two_parts(pbx().sdp({}), kIsup + kOptional));
    LONGS_EQUAL(200, call.initial_status);
    LONGS_EQUAL(0, world.counter("bodies-refused"));
    const auto& sent = carrier().calls.back()->invite;
    CHECK(sent.get("Content-Type") == "application/sdp");
    CHECK(sent.body.contains("m=audio"));
    for (const auto& bytes : carrier().wire) CHECK_FALSE(bytes.contains("secret of one side"));
    pbx().bye(call);
    check_clean();
}

TEST(Bodies, a_part_that_has_to_be_understood_gets_415) {
    world.start();
    carrier();
    LONGS_EQUAL(415, invite(two_parts(pbx().sdp({}), kIsup + kRequired)).initial_status);
    CHECK(pbx().last(415)->get("Accept") == "application/sdp");
    LONGS_EQUAL(415, invite(two_parts(pbx().sdp({}), kIsup)).initial_status);  // the default is required
    const auto early = "Content-Type: application/sdp\r\nContent-Disposition: early-session\r\n";
    LONGS_EQUAL(415, invite(two_parts(pbx().sdp({}), early)).initial_status);
    LONGS_EQUAL(3, world.counter("bodies-refused"));
    LONGS_EQUAL(0, carrier().calls.size());
    check_clean();
}

TEST(Bodies, of_alternatives_the_sdp_is_enough) {
    world.start();
    carrier();
    auto& call = invite(two_parts(pbx().sdp({}), "Content-Type: text/plain\r\n"), "multipart/alternative;boundary=b7");
    LONGS_EQUAL(200, call.initial_status);
    pbx().bye(call);
    check_clean();
}

TEST(Bodies, a_malformed_multipart_gets_400) {
    world.start();
    carrier();
    const auto body = two_parts(pbx().sdp({}), kIsup + kOptional);
    LONGS_EQUAL(400, invite(body.substr(0, body.size() - 8)).initial_status);
    LONGS_EQUAL(400, invite(body, "multipart/mixed").initial_status);
    LONGS_EQUAL(2, world.counter("bodies-refused"));
    check_clean();
}

TEST(Bodies, a_200_with_more_than_sdp_is_an_answer) {
    world.start();
    carrier().script.body_type = "multipart/mixed;boundary=b7";
    carrier().answer_sdp = [this](UaCall&, const std::string&) {
        return two_parts(carrier().sdp({}), kIsup + kRequired);  // it cannot be refused any more
    };
    const auto call = connect(world, pbx(), carrier());
    LONGS_EQUAL(200, call.caller->initial_status);
    CHECK(call.caller->state == UaCall::State::kUp);
    CHECK_FALSE(call.caller->remote_sdp.contains("secret of"));
    LONGS_EQUAL(4, world.dataplane().flows().size());
    pbx().reinvite(*call.caller, pbx().sdp({.port = 9000, .version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Bodies, an_unknown_body_of_a_200_does_not_undo_the_answer_that_was_given_before) {
    world.start();
    carrier().script.early_media = true;
    world.after(300ms, [this] { carrier().script.body_type = "application/isup"; });
    const auto call = connect(world, pbx(), carrier());
    LONGS_EQUAL(200, call.caller->initial_status);
    LONGS_EQUAL(4, world.dataplane().flows().size());
    pbx().bye(*call.caller);
    check_clean();
}

}  // namespace sallyport::scenario
