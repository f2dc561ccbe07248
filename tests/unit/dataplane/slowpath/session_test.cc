#include "dataplane/slowpath/session.h"

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "platform/os/fd_passing.h"
#include "platform/os/log.h"
#include "tests/support/flows.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using std::chrono_literals::operator""ms;

namespace {

const bool g_quiet = (log::start("test"), log::set_level(log::Level::kError), true);

}  // namespace

TEST_GROUP(Session) {
    os::EventLoop loop;
    std::unique_ptr<test::Table> table = std::make_unique<test::Table>();
    std::string folder;
    void setup() override {
        CHECK(g_quiet);
        char name[] = "/tmp/sallyport-session-XXXXXX";
        folder = ::mkdtemp(name);
    }
    void teardown() override { ::rmdir(folder.c_str()); }
};

TEST(Session, attaches_in_quick_succession_are_refused) {
    const auto page = os::make_memfd("test", 4096);
    slowpath::Session session(loop, table->service, page->get(), ::getuid());
    CHECK(session.listen(folder).has_value());
    constexpr auto kSome = slowpath::Session::kAttachesPerSecond;
    std::vector<os::UniqueFd> peers;
    for (std::uint32_t i = 0; i < kSome + 3; ++i)
        peers.push_back(
            std::move(*os::connect_unix(folder + "/" + slowpath::Session::kSocketName, os::UnixType::kSeqPacket)));
    while (session.status().number + session.refused() < kSome + 3) loop.turn(10ms);
    LONGS_EQUAL(kSome, session.status().number);
    LONGS_EQUAL(3, session.refused());
    CHECK(session.status().attached);  // the last one that was let in stays
}

TEST(Session, impossible_cursor_ends_the_session_and_is_counted) {
    const auto page = os::make_memfd("test", 4096);
    slowpath::Session session(loop, table->service, page->get(), ::getuid());
    CHECK(session.listen(folder).has_value());
    const auto peer = os::connect_unix(folder + "/" + slowpath::Session::kSocketName, os::UnixType::kSeqPacket);
    while (!session.status().attached) loop.turn(10ms);
    std::array<std::byte, 64> text{};
    auto received = os::receive_with_fds(peer->get(), text, 2);
    LONGS_EQUAL(2, received->fds.size());
    auto memory = os::map_received(received->fds[0].get(), wire::kSegmentBytes, true);
    const auto places = wire::attach_segment(memory->writable());
    session.turn(1);
    CHECK(session.status().attached);
    places->commands.cursors->head.store(wire::kCommandSlots + 1);
    session.turn(2);
    CHECK_FALSE(session.status().attached);
    LONGS_EQUAL(1, session.broken());
    LONGS_EQUAL(0, session.commands());
}
