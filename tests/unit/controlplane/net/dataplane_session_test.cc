#include "controlplane/net/dataplane_session.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "platform/os/fd_passing.h"
#include "platform/os/log.h"
#include "platform/os/unix_socket.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;

namespace {

// The log makes its sink at its first line, and keeps it: that is no leak of the test that comes first.
const bool kLogIsMade = [] {
    log::start("net-test");
    log::set_level(log::Level::kError);
    return true;
}();

// The dataplane's side of one session.
struct Session {
    os::UniqueFd socket;
    os::UniqueFd segment_fd;
    os::UniqueFd page_fd;
    os::Mapping segment;
    os::Mapping page;
    std::optional<wire::SegmentPlaces> places;

    bool pop(wire::FlowCommand& out) { return commands->pop(out); }
    std::optional<wire::RingConsumer<wire::FlowCommand>> commands;
    std::optional<wire::RingProducer<wire::FlowEvent>> events;
    void ring() const { LONGS_EQUAL(1, ::send(socket.get(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL)); }
};

wire::FlowCommand command(wire::CommandType type, std::uint32_t transaction) {
    wire::FlowCommand out;
    out.type = type;
    out.transaction = transaction;
    return out;
}

wire::FlowEvent event(wire::EventType type, std::uint32_t transaction) {
    wire::FlowEvent out;
    out.type = type;
    out.transaction = transaction;
    return out;
}

}  // namespace

TEST_GROUP(DataplaneSession) {
    std::string folder;
    std::string path;
    os::EventLoop loop;
    os::UniqueFd listener;
    int ups = 0;
    int downs = 0;
    std::vector<wire::FlowEvent> events;
    std::optional<net::DataplaneSession> session;

    void setup() override {
        CHECK(kLogIsMade);
        folder = (std::filesystem::temp_directory_path() / "sallyport-test-XXXXXX").string();
        CHECK(::mkdtemp(folder.data()) != nullptr);
        path = folder + "/dataplane.sock";
        loop.refresh();
        session.emplace(
            loop, path,
            net::DataplaneSession::Handlers{.on_up = [this] { ++ups; },
                                            .on_down = [this] { ++downs; },
                                            .on_event = [this](const wire::FlowEvent& e) { events.push_back(e); }});
    }
    void teardown() override {
        session.reset();
        std::filesystem::remove_all(folder);
    }
    void listen() {
        auto made = os::listen_unix(path, os::UnixType::kSeqPacket);
        CHECK_TEXT(made.has_value(), made ? "" : made.error().c_str());
        listener = std::move(*made);
    }
    template <typename Condition>
    void turn_until(Condition condition) {
        for (int i = 0; i < 500 && !condition(); ++i) loop.turn(10ms);
        CHECK(condition());
    }
    os::UniqueFd accept() {
        os::UniqueFd out;
        turn_until([&] {
            if (out) return true;
            auto accepted = os::accept_unix(listener.get());
            CHECK_TEXT(accepted.has_value(), accepted ? "" : accepted.error().c_str());
            out = std::move(*accepted);
            return static_cast<bool>(out);
        });
        return out;
    }
    Session begin(std::uint64_t number = 1) {
        Session s;
        s.socket = accept();
        s.segment_fd = os::make_memfd("segment", wire::kSegmentBytes).value();
        s.segment = os::map_memory(s.segment_fd.get(), wire::kSegmentBytes, true).value();
        s.places = wire::make_segment(s.segment.writable(), number);
        s.commands.emplace(s.places->commands);
        s.events.emplace(s.places->events);
        const wire::CountersGeometry geometry{1, 16};
        s.page_fd = os::make_memfd("page", geometry.bytes()).value();
        s.page = os::map_memory(s.page_fd.get(), geometry.bytes(), true).value();
        wire::CountersWriter writer(s.page.writable(), geometry);
        hand_over(s.socket.get(), s.segment_fd.get(), s.page_fd.get());
        return s;
    }
    static void hand_over(int socket, int segment, int page) {
        const std::string text = "sallyport 1";
        const int fds[] = {segment, page};
        CHECK(os::send_with_fds(socket, std::as_bytes(std::span(text.data(), text.size())), fds).has_value());
    }
    Session begun() {
        listen();
        session->start();
        Session s = begin();
        turn_until([&] { return session->up(); });
        return s;
    }
};

TEST(DataplaneSession, waits_for_the_dataplane_and_then_has_rings_and_counters) {
    session->start();
    loop.turn(20ms);
    CHECK_FALSE(session->up());
    CHECK(session->next_poll(Instant{}) == kNever);
    listen();
    const Session s = begin();
    turn_until([&] { return session->up(); });
    LONGS_EQUAL(1, ups);
    LONGS_EQUAL(0, downs);
    CHECK(session->page() != nullptr);
    LONGS_EQUAL(16, session->page()->flow_slots());
}

TEST(DataplaneSession, commands_arrive_in_order_and_ring_once) {
    Session s = begun();
    const wire::FlowCommand list[] = {command(wire::CommandType::kInstall, 5), command(wire::CommandType::kInstall, 5),
                                      command(wire::CommandType::kCommit, 5)};
    session->push(list);
    char bell[8];
    LONGS_EQUAL(1, ::recv(s.socket.get(), bell, sizeof(bell), MSG_DONTWAIT));
    LONGS_EQUAL(-1, ::recv(s.socket.get(), bell, sizeof(bell), MSG_DONTWAIT));
    wire::FlowCommand out;
    for (const auto& expected : list) {
        CHECK(s.pop(out));
        CHECK(out.type == expected.type);
    }
    CHECK_FALSE(s.pop(out));
}

TEST(DataplaneSession, a_doorbell_brings_the_events_at_once) {
    Session s = begun();
    s.events->push(event(wire::EventType::kLatched, 0));
    s.events->push(event(wire::EventType::kIdle, 0));
    s.ring();
    turn_until([&] { return events.size() == 2; });
    CHECK(events[0].type == wire::EventType::kLatched);
    CHECK(events[1].type == wire::EventType::kIdle);
}

TEST(DataplaneSession, events_are_found_without_a_doorbell) {
    Session s = begun();
    s.events->push(event(wire::EventType::kLatched, 0));
    session->drain();
    LONGS_EQUAL(1, events.size());
}

TEST(DataplaneSession, looks_for_events_more_often_while_a_commit_is_unanswered) {
    Session s = begun();
    const Instant now{1h};
    CHECK(session->next_poll(now) == now + 50ms);
    const wire::FlowCommand list[] = {command(wire::CommandType::kInstall, 5), command(wire::CommandType::kCommit, 5)};
    session->push(list);
    CHECK(session->next_poll(now) == now + 5ms);
    s.events->push(event(wire::EventType::kCommitted, 5));
    session->drain();
    CHECK(session->next_poll(now) == now + 50ms);
}

TEST(DataplaneSession, nobody_rings_while_turns_follow_each_other_and_nothing_is_overlooked_when_they_stop) {
    Session s = begun();
    const Instant now{1h};
    CHECK(s.events->must_wake());
    session->expect_turn(true);
    CHECK_FALSE(s.events->must_wake());
    CHECK(session->next_poll(now) == now + 5ms);
    s.events->push(event(wire::EventType::kLatched, 0));
    session->expect_turn(false);
    CHECK(s.events->must_wake());
    CHECK(session->next_poll(now) == now);
    session->drain();
    LONGS_EQUAL(1, events.size());
    CHECK(session->next_poll(now) == now + 50ms);
}

TEST(DataplaneSession, a_new_dataplane_is_told_anew) {
    {
        const Session s = begun();
        session->expect_turn(true);
    }
    turn_until([&] { return downs == 1; });
    const Session s = begin(2);
    turn_until([&] { return session->up(); });
    CHECK(s.events->must_wake());
    session->expect_turn(true);
    CHECK_FALSE(s.events->must_wake());
}

TEST(DataplaneSession, commands_wait_while_the_ring_is_full_and_keep_their_order) {
    Session s = begun();
    const std::uint32_t total = wire::kCommandSlots + 100;
    std::vector<wire::FlowCommand> list;
    for (std::uint32_t i = 0; i < total; ++i) list.push_back(command(wire::CommandType::kInstall, i));
    session->push(list);
    LONGS_EQUAL(100, session->waiting());
    wire::FlowCommand out;
    std::uint32_t next = 0;
    while (s.pop(out)) LONGS_EQUAL(next++, out.transaction);
    session->drain();
    LONGS_EQUAL(0, session->waiting());
    while (s.pop(out)) LONGS_EQUAL(next++, out.transaction);
    LONGS_EQUAL(total, next);
    LONGS_EQUAL(1, session->counters().sessions);
}

TEST(DataplaneSession, too_many_waiting_commands_end_the_session_and_it_begins_anew) {
    Session s = begun();
    const std::vector<wire::FlowCommand> list(wire::kCommandSlots + net::DataplaneSession::kMaxWaiting + 1,
                                              command(wire::CommandType::kInstall, 1));
    session->push(list);
    CHECK_FALSE(session->up());
    LONGS_EQUAL(1, downs);
    LONGS_EQUAL(1, session->counters().overflows);
    const Session next = begin(2);
    turn_until([&] { return session->up(); });
    LONGS_EQUAL(2, ups);
    LONGS_EQUAL(0, session->waiting());
}

TEST(DataplaneSession, the_end_of_the_dataplane_is_told_after_its_last_events) {
    Session s = begun();
    s.events->push(event(wire::EventType::kRemoved, 0));
    s.socket.reset();
    turn_until([&] { return downs == 1; });
    LONGS_EQUAL(1, events.size());
    CHECK(session->page() == nullptr);
    const wire::FlowCommand lost[] = {command(wire::CommandType::kList, 1)};
    session->push(lost);
    LONGS_EQUAL(1, session->counters().dropped);
    const Session next = begin(2);
    turn_until([&] { return session->up(); });
    LONGS_EQUAL(2, ups);
}

TEST(DataplaneSession, a_cursor_that_cannot_be_ends_the_session) {
    Session s = begun();
    s.places->events.cursors->head.store(std::uint64_t{1} << 40);
    session->drain();
    CHECK_FALSE(session->up());
    LONGS_EQUAL(1, session->counters().broken);
    LONGS_EQUAL(0, events.size());
}

TEST(DataplaneSession, memory_of_another_build_is_refused) {
    listen();
    session->start();
    Session s;
    s.socket = accept();
    s.segment_fd = os::make_memfd("segment", wire::kSegmentBytes).value();
    s.segment = os::map_memory(s.segment_fd.get(), wire::kSegmentBytes, true).value();
    wire::make_segment(s.segment.writable(), 1);
    s.segment.writable()[8] = std::byte{99};  // version
    const wire::CountersGeometry geometry{1, 16};
    s.page_fd = os::make_memfd("page", geometry.bytes()).value();
    s.page = os::map_memory(s.page_fd.get(), geometry.bytes(), true).value();
    wire::CountersWriter writer(s.page.writable(), geometry);
    hand_over(s.socket.get(), s.segment_fd.get(), s.page_fd.get());
    char c = 0;
    turn_until([&] { return ::recv(s.socket.get(), &c, 1, MSG_DONTWAIT) == 0; });  // it hung up
    LONGS_EQUAL(0, ups);
    LONGS_EQUAL(0, downs);
    const Session good = begin(2);
    turn_until([&] { return session->up(); });
}

TEST(DataplaneSession, a_hand_over_that_is_something_else_is_refused) {
    listen();
    session->start();
    const os::UniqueFd socket = accept();
    const std::string text = "hello";
    CHECK(os::send_with_fds(socket.get(), std::as_bytes(std::span(text.data(), text.size())), {}).has_value());
    char c = 0;
    turn_until([&] { return ::recv(socket.get(), &c, 1, MSG_DONTWAIT) == 0; });
    CHECK_FALSE(session->up());
}
