#include "platform/os/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(SharedMemory) {};

TEST(SharedMemory, BothMappingsSeeTheSameBytes) {
    const auto fd = os::make_memfd("test", 8192);
    const auto writer = os::map_memory(fd->get(), 8192, true);
    const auto reader = os::map_received(fd->get(), 8192, false);
    CHECK(writer && reader);
    CHECK_EQUAL(8192U, reader->bytes().size());
    CHECK(reader->bytes()[5000] == std::byte{0});
    writer->writable()[5000] = std::byte{42};
    CHECK(reader->bytes()[5000] == std::byte{42});
    CHECK(reader->writable().empty());
}

TEST(SharedMemory, TheSizeIsSealed) {
    const auto fd = os::make_memfd("test", 4096);
    CHECK(::ftruncate(fd->get(), 0) != 0);
    CHECK(::ftruncate(fd->get(), 8192) != 0);
}

TEST(SharedMemory, ReceivedMemoryOfAnotherSizeOrWithoutSealIsRefused) {
    const auto fd = os::make_memfd("test", 4096);
    const auto other = os::map_received(fd->get(), 8192, false);
    CHECK(!other);
    CHECK(other.error().find("4096") != std::string::npos);
    const os::UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC));
    CHECK_EQUAL(0, ::ftruncate(unsealed.get(), 4096));
    CHECK(!os::map_received(unsealed.get(), 4096, false));
}

TEST(SharedMemory, TheReaderOfAPageCannotWriteItByAnyWay) {
    const auto fd = os::make_memfd("page", 4096);
    const auto owner = os::map_memory(fd->get(), 4096, true);
    CHECK(owner.has_value());
    CHECK(os::seal_writes(fd->get()).has_value());
    const auto reader = os::reopen_read_only(fd->get());
    CHECK(reader.has_value());

    CHECK(!os::map_received(reader->get(), 4096, true));
    CHECK(!os::map_received(fd->get(), 4096, true));  // not even by the descriptor that made it
    CHECK(::write(fd->get(), "x", 1) < 0);
    const auto mapping = os::map_received(reader->get(), 4096, false);
    CHECK(mapping.has_value());
    void* at = const_cast<std::byte*>(mapping->bytes().data());
    CHECK(::mprotect(at, 4096, PROT_READ | PROT_WRITE) != 0);
    // Opened anew with more rights it still does not map writable.
    const auto path = "/proc/self/fd/" + std::to_string(reader->get());
    const os::UniqueFd reopened(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (reopened) CHECK(!os::map_received(reopened.get(), 4096, true));

    owner->writable()[0] = std::byte{7};  // the owner's mapping lives on
    CHECK(mapping->bytes()[0] == std::byte{7});
}

TEST(SharedMemory, OthersMayNotOpenIt) {
    const auto fd = os::make_memfd("test", 4096);
    struct stat status{};
    CHECK_EQUAL(0, ::fstat(fd->get(), &status));
    CHECK_EQUAL(0600, status.st_mode & 0777);
}
