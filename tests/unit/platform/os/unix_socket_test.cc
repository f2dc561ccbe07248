#include "platform/os/unix_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using os::UnixType;

namespace {

// Files are born at ticks of the coarse clock.
void next_tick() {
    timespec start{};
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &start);
    do {
        ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_nsec == start.tv_nsec);
}

}  // namespace

TEST_GROUP(UnixSocket) {
    std::string folder;
    std::string path;
    void setup() override {
        char name[] = "/tmp/sallyport-socket-XXXXXX";
        folder = ::mkdtemp(name);
        path = folder + "/s";
    }
    void teardown() override {
        ::unlink(path.c_str());
        ::rmdir(folder.c_str());
    }
};

TEST(UnixSocket, TheListenerLearnsWhoConnectedFromTheKernel) {
    const auto listener = os::listen_unix(path, UnixType::kStream);
    CHECK(listener.has_value());
    CHECK(!*os::accept_unix(listener->get()));  // nobody yet: empty, not an error
    const auto client = os::connect_unix(path, UnixType::kStream);
    CHECK(client.has_value());
    const auto accepted = os::accept_unix(listener->get());
    CHECK(accepted && *accepted);
    const auto peer = os::peer_credentials(accepted->get());
    CHECK(peer.has_value());
    CHECK_EQUAL(::getpid(), peer->pid);
    CHECK_EQUAL(::getuid(), peer->uid);
}

TEST(UnixSocket, AStaleFileIsReplacedAndOneThatSomebodyListensOnIsNot) {
    {
        const auto gone = os::listen_unix(path, UnixType::kStream);
    }
    struct stat status{};
    CHECK_EQUAL(0, ::stat(path.c_str(), &status));  // closing left the file
    const auto second = os::listen_unix(path, UnixType::kStream);
    CHECK(second.has_value());
    const auto third = os::listen_unix(path, UnixType::kStream);
    CHECK(!third);
    CHECK(third.error().find("another process listens") != std::string::npos);
    // A listener of the other type is a listener as well.
    CHECK(!os::listen_unix(path, UnixType::kSeqPacket));
    CHECK(os::connect_unix(path, UnixType::kStream).has_value());
}

TEST(UnixSocket, AFileThatIsNoSocketStays) {
    std::ofstream(path) << "precious";
    const auto listener = os::listen_unix(path, UnixType::kStream);
    CHECK(!listener);
    CHECK(listener.error().find("no socket") != std::string::npos);
    std::string text;
    std::ifstream(path) >> text;
    STRCMP_EQUAL("precious", text.c_str());
}

TEST(UnixSocket, TheFileHasTheModeAskedForWhateverTheUmask) {
    const auto before = ::umask(0);
    os::UnixListenOptions options;
    options.mode = 0640;
    const auto listener = os::listen_unix(path, UnixType::kStream, options);
    ::umask(before);
    CHECK(listener.has_value());
    struct stat status{};
    CHECK_EQUAL(0, ::stat(path.c_str(), &status));
    CHECK_EQUAL(0640, status.st_mode & 0777);
}

TEST(UnixSocket, ASocketFileTakesItsFileAlongButNotTheOneOfASuccessor) {
    auto first = os::listen_unix(path, UnixType::kStream);
    {
        const os::SocketFile file(path);
        first->reset();
        next_tick();
        const auto second = os::listen_unix(path, UnixType::kStream);  // replaces the stale file
        CHECK(second.has_value());
    }
    struct stat status{};
    CHECK_EQUAL(0, ::stat(path.c_str(), &status));
    {
        const os::SocketFile file(path);
    }
    CHECK(::stat(path.c_str(), &status) != 0);
}

TEST(UnixSocket, APathTooLongIsAnErrorThatSaysSo) {
    const auto listener = os::listen_unix("/tmp/" + std::string(200, 'x'), UnixType::kStream);
    CHECK(!listener);
    CHECK(listener.error().find("shorter") != std::string::npos);
}
