#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "platform/os/affinity.h"
#include "platform/os/clock.h"
#include "platform/os/files.h"
#include "platform/os/log.h"
#include "platform/os/mac_address.h"
#include "platform/os/random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST_GROUP(SmallThings) {};

TEST(SmallThings, AMacAddressIsReadAndWritten) {
    const auto mac = os::MacAddress::parse("02:00:5E:10:ff:0a");
    CHECK(mac.has_value());
    STRCMP_EQUAL("02:00:5e:10:ff:0a", mac->text().c_str());
    CHECK(!mac->is_multicast());
    CHECK(os::MacAddress::parse("01:00:5e:00:00:01")->is_multicast());
    for (const char* wrong : {"", "02:00:5e:10:ff", "02:00:5e:10:ff:0a:", "02-00-5e-10-ff-0a", "02:00:5e:10:ff:0g",
                              "02:00:5e:10:ff:+a", "2:00:5e:10:ff:0a0"}) {
        CHECK(!os::MacAddress::parse(wrong).has_value());
    }
}

TEST(SmallThings, RandomBytesFillWhatTheyShallAndDoNotRepeat) {
    os::KernelRandom random;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random.next_u64());  // several refills of the buffer
    CHECK_EQUAL(1000U, seen.size());
    std::array<std::byte, 3000> large{};  // longer than the buffer
    random.fill(large);
    std::size_t zeros = 0;
    for (const auto b : large) zeros += b == std::byte{0} ? 1 : 0;
    CHECK(zeros < 100);
}

TEST(SmallThings, TheMonotonicClockDoesNotGoBack) {
    auto last = os::monotonic_now();
    for (int i = 0; i < 1000; ++i) {
        const auto next = os::monotonic_now();
        CHECK(next >= last);
        last = next;
    }
    CHECK(os::wall_now().time_since_epoch() > std::chrono::years(50));
}

TEST(SmallThings, ALogLimitLetsAFewASecondPassAndCountsTheOthers) {
    log::LogLimit limit(2);
    std::uint64_t held_back = 0;
    const Instant start{std::chrono::hours(1)};
    CHECK(limit.pass(start, held_back));
    CHECK(limit.pass(start + 1ms, held_back));
    CHECK(!limit.pass(start + 2ms, held_back));
    CHECK(!limit.pass(start + 999ms, held_back));
    CHECK_EQUAL(0U, held_back);
    CHECK(limit.pass(start + 1s, held_back));
    CHECK_EQUAL(2U, held_back);
    CHECK(limit.pass(start + 1001ms, held_back));
    CHECK_EQUAL(0U, held_back);
}

TEST(SmallThings, AThreadIsBoundToACoreThatItMayUse) {
    const auto cores = os::allowed_cores();
    CHECK(!cores.empty());
    CHECK(os::bind_this_thread(std::span(cores).first(1)).has_value());
    CHECK_EQUAL(1U, os::allowed_cores().size());
    CHECK(os::bind_this_thread(cores).has_value());
    const int nowhere = 1023;
    CHECK(!os::bind_this_thread(std::span(&nowhere, 1)));
}

TEST_GROUP(Files) {
    std::string folder;
    void setup() override {
        char name[] = "/tmp/sallyport-files-XXXXXX";
        folder = ::mkdtemp(name);
    }
    void teardown() override { CHECK_EQUAL(0, ::system(("rm -r " + folder).c_str())); }
};

TEST(Files, AFileIsReplacedAsAWholeAndReadWithABound) {
    const auto path = folder + "/f";
    CHECK(os::replace_file(path, "first text", 0600).has_value());
    CHECK(os::replace_file(path, "second", 0600).has_value());
    STRCMP_EQUAL("second", os::read_file(path, 6)->c_str());
    CHECK(!os::read_file(path, 5));
    CHECK(!os::read_file(folder + "/absent", 10));
    CHECK(::access((path + ".new").c_str(), F_OK) != 0);
}

TEST(Files, FoldersAreMadeWithWhatIsMissingAboveAndASymlinkIsNotFollowed) {
    os::FolderOptions options;
    options.mode = 0710;
    CHECK(os::make_folder(folder + "/a/b/c", options).has_value());
    CHECK(os::make_folder(folder + "/a/b/c", options).has_value());
    CHECK_EQUAL(0, ::symlink("/etc", (folder + "/link").c_str()));
    CHECK(!os::make_folder(folder + "/link", options));
    CHECK(!os::make_folder("relative", options));
}

TEST(Files, ALockHasOneHolder) {
    const auto path = folder + "/lock";
    auto first = os::lock_file(path);
    CHECK(first.has_value());
    CHECK(!os::lock_file(path));
    first->reset();
    CHECK(os::lock_file(path).has_value());
}
