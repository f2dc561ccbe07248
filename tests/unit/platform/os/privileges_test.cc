// Each test gives up its privileges in a child of its own; needs root.
#include "platform/os/privileges.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

namespace {

// 0 when `test` returned true in a child process.
int in_child(const std::function<bool()>& test) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(test() ? 0 : 1);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
}

bool may_open_raw_socket() {
    const int fd = ::socket(AF_INET, SOCK_RAW, 1);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
}

}  // namespace

TEST_GROUP(Privileges) {
    void setup() override { CHECK_TEXT(::geteuid() == 0, "this test needs root"); }
};

TEST(Privileges, WhatIsKeptStaysAndAllElseGoesInEveryThread) {
    CHECK_EQUAL(0, in_child([] {
                    std::atomic<int> stage{0};
                    bool raw_in_thread = false;
                    bool port_in_thread = true;
                    std::thread thread([&] {
                        while (stage.load() == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
                        raw_in_thread = may_open_raw_socket();
                        port_in_thread = ::chroot("/") == 0;
                    });
                    os::PrivilegePlan plan;
                    plan.keep = {{CAP_NET_RAW, "to send what the test sends"}};
                    const auto dropped = os::drop_privileges(plan);
                    stage.store(1);
                    thread.join();
                    const auto left = os::permitted_capabilities();
                    return dropped.has_value() && raw_in_thread && !port_in_thread && may_open_raw_socket() &&
                           ::chroot("/") != 0 && left && *left == std::vector<int>{CAP_NET_RAW};
                }));
}

TEST(Privileges, AsAnotherUserTheKeptCapabilitiesStayInEveryThread) {
    CHECK_EQUAL(0, in_child([] {
                    std::atomic<int> stage{0};
                    bool thread_right = false;
                    std::thread thread([&] {
                        while (stage.load() == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
                        thread_right = may_open_raw_socket() && ::geteuid() != 0;
                    });
                    os::PrivilegePlan plan;
                    plan.user = *os::find_user("nobody");
                    plan.keep = {{CAP_NET_RAW, ""}};
                    const auto dropped = os::drop_privileges(plan);
                    stage.store(1);
                    thread.join();
                    return dropped.has_value() && thread_right && may_open_raw_socket() &&
                           ::geteuid() == plan.user->uid && ::setuid(0) != 0 && ::open("/etc/shadow", O_RDONLY) < 0;
                }));
}

TEST(Privileges, BeforeExecAChildBecomesAUserWithoutAnyCapability) {
    CHECK_EQUAL(0, in_child([] {
                    const auto user = *os::find_user("nobody");
                    return os::become_unprivileged(user) == 0 && ::geteuid() == user.uid && ::getegid() == user.gid &&
                           ::getgroups(0, nullptr) == 0 && os::permitted_capabilities()->empty() &&
                           !may_open_raw_socket() && ::setuid(0) != 0;
                }));
}

TEST(Privileges, UsersAreFoundByNameAndNumber) {
    const auto root = os::find_user("root");
    CHECK(root && root->uid == 0);
    const auto by_number = os::find_user("0");
    STRCMP_EQUAL("root", by_number->name.c_str());
    const auto absent = os::find_user("no-such-user-here");
    CHECK(!absent);
    STRCMP_EQUAL("user no-such-user-here does not exist", absent.error().c_str());
}

TEST(Privileges, CapabilitiesHaveTheirNames) {
    STRCMP_EQUAL("CAP_NET_RAW", os::capability_name(CAP_NET_RAW).c_str());
    STRCMP_EQUAL("CAP_CHECKPOINT_RESTORE", os::capability_name(CAP_CHECKPOINT_RESTORE).c_str());
    STRCMP_EQUAL("CAP_63", os::capability_name(63).c_str());
}
