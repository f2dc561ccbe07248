#include "platform/os/fd_passing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "platform/os/shared_memory.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;

namespace {

std::size_t open_descriptors() {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc/self/fd"), ::closedir);
    std::size_t count = 0;
    while (::readdir(dir.get()) != nullptr) ++count;
    return count;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_GROUP(FdPassing) {
    os::UniqueFd a;
    os::UniqueFd b;
    std::array<std::byte, 64> buffer{};
    void open_pair(int type) {
        std::array<int, 2> fds{};
        CHECK_EQUAL(0, ::socketpair(AF_UNIX, type, 0, fds.data()));
        a.reset(fds[0]);
        b.reset(fds[1]);
    }
    void setup() override { open_pair(SOCK_STREAM); }
};

TEST(FdPassing, ADescriptorArrivesWithItsBytesAndNamesTheSameFile) {
    const auto memory = os::make_memfd("test", 4096);
    const int fd = memory->get();
    CHECK_EQUAL(5U, *os::send_with_fds(a.get(), bytes_of("hello"), std::span(&fd, 1)));
    const auto received = os::receive_with_fds(b.get(), buffer, 1);
    CHECK(received.has_value());
    CHECK_EQUAL(5U, received->bytes);
    CHECK_EQUAL(1U, received->fds.size());
    CHECK((::fcntl(received->fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(os::map_received(received->fds[0].get(), 4096, true).has_value());
}

TEST(FdPassing, MoreDescriptorsThanWantedAreRefusedAndClosed) {
    const std::vector<int> fds(3, STDERR_FILENO);
    CHECK_EQUAL(1U, *os::send_with_fds(a.get(), bytes_of("x"), fds));
    const auto before = open_descriptors();
    CHECK(!os::receive_with_fds(b.get(), buffer, 2));
    CHECK_EQUAL(before, open_descriptors());
}

TEST(FdPassing, AsManyAsTheBoundPassAndOneMoreIsNotSent) {
    const std::vector<int> fds(os::kMaxPassedFds, STDERR_FILENO);
    CHECK_EQUAL(1U, *os::send_with_fds(a.get(), bytes_of("x"), fds));
    CHECK_EQUAL(os::kMaxPassedFds, os::receive_with_fds(b.get(), buffer, os::kMaxPassedFds)->fds.size());
    const std::vector<int> too_many(os::kMaxPassedFds + 1, STDERR_FILENO);
    CHECK(!os::send_with_fds(a.get(), bytes_of("x"), too_many));
}

TEST(FdPassing, NothingToReadAndTheEndAreToldApart) {
    CHECK(os::receive_with_fds(b.get(), buffer, 0)->would_block);
    a.reset();
    CHECK(os::receive_with_fds(b.get(), buffer, 0)->closed);
}

TEST(FdPassing, ADatagramLongerThanTheBufferIsRefused) {
    open_pair(SOCK_SEQPACKET);
    CHECK_EQUAL(100U, *os::send_with_fds(a.get(), bytes_of(std::string(100, 'x')), {}));
    CHECK(!os::receive_with_fds(b.get(), buffer, 0));
}
