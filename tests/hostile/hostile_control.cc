// A control plane that means harm: attaches to the dataplane's socket as the user it is run as, and attacks until the
// time is over. Its processes are killed in the middle of what they do. Ends with one line of what it has done, and
// with 1 when something was let through that had to be refused.
//
//   hostile_control --socket PATH --seed N --seconds N --in LOCAL --out LOCAL --spare LOCAL
//                   --in-remote HOST --out-remote HOST --ports FIRST-LAST

#include <getopt.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "platform/os/clock.h"
#include "tests/hostile/attacks.h"

using namespace sallyport;
using namespace sallyport::hostile;

namespace {

struct Arguments {
    Target target;
    std::uint64_t seed = 1;
    int seconds = 5;
};

Arguments parse_arguments(int argc, char** argv) {
    static const option kOptions[] = {
        {"socket", required_argument, nullptr, 's'},     {"seed", required_argument, nullptr, 'r'},
        {"seconds", required_argument, nullptr, 't'},    {"in", required_argument, nullptr, 'i'},
        {"out", required_argument, nullptr, 'o'},        {"in-remote", required_argument, nullptr, 'I'},
        {"out-remote", required_argument, nullptr, 'O'}, {"spare", required_argument, nullptr, 'a'},
        {"ports", required_argument, nullptr, 'p'},      {nullptr, 0, nullptr, 0}};
    Arguments out;
    for (int c = 0; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
        switch (c) {
            case 's': out.target.socket = optarg; break;
            case 'r': out.seed = std::strtoull(optarg, nullptr, 10); break;
            case 't': out.seconds = std::atoi(optarg); break;
            case 'i': out.target.in_local = optarg; break;
            case 'o': out.target.out_local = optarg; break;
            case 'a': out.target.spare_local = optarg; break;
            case 'I': out.target.in_remote = optarg; break;
            case 'O': out.target.out_remote = optarg; break;
            case 'p':
                if (std::sscanf(optarg, "%hu-%hu", &out.target.first_port, &out.target.last_port) == 2) break;
                [[fallthrough]];
            default: std::exit(2);
        }
    }
    return out;
}

pid_t start_attacker(const Target& target, std::uint64_t seed, Tally& tally) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Attacker attacker(target, seed, tally);
    test::FakeRandom random(~seed);
    while (!random.chance(10)) attacker.attack();
    ::_exit(0);  // with all its connections and memory as they are
}

void wait_ms(std::uint32_t ms) {
    const timespec length{ms / 1000, static_cast<long>(ms % 1000) * 1'000'000};
    ::nanosleep(&length, nullptr);
}

void report(const Tally& t, double seconds) {
    const auto n = [](const std::atomic<std::uint64_t>& v) { return static_cast<unsigned long long>(v.load()); };
    std::printf(
        "{\"seconds\": %.1f, \"processes\": %llu, \"killed\": %llu, \"attached\": %llu, \"not-attached\": %llu, "
        "\"commands\": %llu, \"words\": %llu, \"jumps\": %llu, \"datagrams\": %llu, \"descriptors\": %llu, "
        "\"connects\": %llu, \"events\": %llu, \"rejected\": %llu, \"committed\": %llu, \"tampered\": %llu, "
        "\"breaches\": %llu}\n",
        seconds, n(t.processes), n(t.killed), n(t.attached), n(t.not_attached), n(t.commands), n(t.words), n(t.jumps),
        n(t.datagrams), n(t.descriptors), n(t.connects), n(t.events), n(t.rejected), n(t.committed), n(t.tampered),
        n(t.breaches));
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments(argc, argv);
    ::signal(SIGPIPE, SIG_IGN);
    void* shared = ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 2;
    auto& tally = *new (shared) Tally{};
    test::FakeRandom random(arguments.seed);
    const auto start = os::monotonic_now();
    const auto seconds = [&] { return std::chrono::duration<double>(os::monotonic_now() - start).count(); };
    while (seconds() < arguments.seconds) {
        // Sometimes two at a time, which throw each other out.
        std::vector<pid_t> attackers;
        for (int i = random.chance(20) ? 2 : 1; i > 0; --i) {
            attackers.push_back(start_attacker(arguments.target, random.next_u64(), tally));
            ++tally.processes;
        }
        for (const auto pid : attackers) {
            int status = 0;
            std::uint32_t patience = 100 + random.below(3000);
            pid_t ended = 0;
            for (; patience > 10 && (ended = ::waitpid(pid, &status, WNOHANG)) == 0; patience -= 10) wait_ms(10);
            if (ended == 0) {
                ::kill(pid, SIGKILL);
                ++tally.killed;
                ::waitpid(pid, &status, 0);
            } else if (!WIFEXITED(status)) {
                std::fprintf(stderr, "an attacker ended by signal %d of its own\n", WTERMSIG(status));
                ++tally.breaches;
            }
        }
    }
    report(tally, seconds());
    return tally.breaches == 0 ? 0 : 1;
}
