// sip-load: a load of SIP calls through an element between two networks, from one thread, in batches.
//
// Both ends are here, each in its own network namespace. The pace is open-loop: calls start by the clock, not by what
// comes back, so that an element that is too slow is seen to be (no coordinated omission). Starts that this process
// itself is more than kLate behind with are not made up for, and are counted ("unpaced"): a run with any is the
// generator's limit, not the element's.

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <numeric>
#include <random>
#include <string>

#include "platform/base/timer_wheel.h"
#include "platform/os/affinity.h"
#include "platform/os/clock.h"
#include "tests/load/agent.h"
#include "tests/load/options.h"
#include "tests/load/stream_port.h"
#include "tests/load/tls_end.h"
#include "tests/load/udp_port.h"

namespace {

using namespace sallyport;
using namespace sallyport::load;
using namespace std::chrono_literals;

constexpr Duration kLate = 100ms;
constexpr std::uint64_t kMostStartsPerTurn = 32;

double seconds_of(Duration d) { return std::chrono::duration<double>(d).count(); }

class Run {
public:
    Run(const Options& options, SocketPort& caller, SocketPort& callee)
        : options_(options),
          ports_{&caller, &callee},
          start_(os::monotonic_now()),
          wheel_(start_),
          prefix_("l" + std::to_string(options.seed) + "x" + std::to_string(::getpid())),
          caller_(caller, wheel_, tally_, setup("a", options.target)),
          callee_(callee, wheel_, tally_, setup("b", {})),
          random_(options.seed) {
        for (const auto& [scenario, weight] : options.mix) bag_.insert(bag_.end(), weight, scenario);
    }

    // False when calls are left that nothing ends.
    bool run() {
        auto now = start_;
        auto report = start_ + 1s;
        const auto pace_ends = start_ + to_duration(static_cast<double>(options_.calls) / options_.rate);
        Instant give_up = kNever;
        while (true) {
            now = os::monotonic_now();
            begin_due(now);
            turn(now);
            count_second(now);
            if (options_.progress && now >= report) {
                tell(now);
                report += 1s;
            }
            if (handled_ < options_.calls) continue;
            if (paced_for_ == Duration::zero()) paced_for_ = std::max(now, pace_ends) - start_;
            if (options_.held && !released_ && caller_.up() + failed() >= tally_.started) {
                wait_for_release();
                now = os::monotonic_now();
            }
            if (released_) caller_.hang_up_some(now, 8);
            if (caller_.open() == 0 && callee_.open() == 0) return true;
            // A call that nobody acknowledges lasts 64*T1, its BYE as long again.
            if (give_up == kNever) give_up = now + 80s + (options_.held ? 0s : options_.hold) + options_.ring;
            if (!options_.held && now > give_up) return false;
        }
    }

    int report(bool all_ended) const {
        const auto& t = tally_;
        std::string codes;
        for (const auto& [code, count] : t.codes)
            codes += (codes.empty() ? "" : ", ") + ("\"" + std::to_string(code) + "\": ") + std::to_string(count);
        std::string played;
        for (const auto& [scenario, count] : t.played)
            played += (played.empty() ? "" : ", ") + ("\"" + scenario + "\": ") + std::to_string(count);
        std::string by_second;
        for (const auto count : t.ended_by_second) by_second += (by_second.empty() ? "" : ", ") + std::to_string(count);
        const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
        std::printf(
            "{\"started\": %llu, \"answered\": %llu, \"ended\": %llu, \"refused\": %llu, \"timed-out\": %llu, "
            "\"left\": %zu, \"unpaced\": %llu, \"retransmitted\": %llu, \"sent\": %llu, \"send-failed\": %llu, "
            "\"requests-in\": %llu, \"responses-in\": %llu, \"stray\": %llu, \"mistakes\": %llu, "
            "\"retry-after\": %llu, \"codes\": {%s}, \"played\": {%s}, \"seconds\": %.3f, "
            "\"setup-us\": {\"p50\": %.0f, \"p90\": %.0f, \"p99\": %.0f, \"max\": %.0f}, "
            "\"refusal-us\": {\"p50\": %.0f, \"p99\": %.0f}, \"streams\": [%s], \"ended-by-second\": [%s]}\n",
            n(t.started), n(t.answered), n(t.ended), n(t.refused), n(t.timed_out), caller_.open(), n(t.unpaced),
            n(t.retransmitted), n(t.sent), n(t.send_failed), n(t.requests_in), n(t.responses_in), n(t.stray),
            n(t.mistakes), n(t.retry_after), codes.c_str(), played.c_str(), seconds_of(paced_for_),
            t.setup.quantile_us(0.5), t.setup.quantile_us(0.9), t.setup.quantile_us(0.99), t.setup.max_us(),
            t.refusal.quantile_us(0.5), t.refusal.quantile_us(0.99), streams().c_str(), by_second.c_str());
        return all_ended && t.ended == t.started && t.mistakes == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }

private:
    Agent::Setup setup(const char* end, const Endpoint& target) const {
        std::string transport = options_.transport;
        for (char& c : transport) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        return {.prefix = prefix_ + end,
                .target = target,
                .hold = options_.hold,
                .ring = options_.ring,
                .transport = std::move(transport),
                .stream_per_call = options_.stream_per_call};
    }
    static Duration to_duration(double seconds) {
        return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    }
    // Of the caller and the callee; empty with UDP.
    std::string streams() const {
        std::string out;
        for (const auto* port : ports_) {
            const auto* streams = dynamic_cast<const StreamPort*>(port);
            if (streams == nullptr) continue;
            const auto& c = streams->counts();
            out += (out.empty() ? "" : ", ") + ("{\"made\": " + std::to_string(c.made)) +
                   ", \"accepted\": " + std::to_string(c.accepted) + ", \"resumed\": " + std::to_string(c.resumed) +
                   ", \"broken\": " + std::to_string(c.ended) + "}";
        }
        return out;
    }
    std::uint64_t failed() const { return tally_.refused + tally_.timed_out; }

    void begin_due(Instant now) {
        const auto due =
            std::min(options_.calls, static_cast<std::uint64_t>(seconds_of(now - start_) * options_.rate) + 1);
        const auto late = static_cast<std::uint64_t>(seconds_of(kLate) * options_.rate) + 1;
        if (due > handled_ + late) {
            tally_.unpaced += due - late - handled_;
            handled_ = due - late;
        }
        for (std::uint64_t i = 0; i < kMostStartsPerTurn && handled_ < due; ++i) {
            if (caller_.open() >= options_.most_open) return;
            ++handled_;
            caller_.call(next_scenario(), now);
        }
    }

    // Each scenario as often as its weight in every bag, in random order.
    Scenario next_scenario() {
        if (bag_at_ == 0) std::shuffle(bag_.begin(), bag_.end(), random_);
        const auto out = bag_[bag_at_];
        bag_at_ = (bag_at_ + 1) % bag_.size();
        return out;
    }

    void turn(Instant now) {
        std::array<pollfd, 2> ready{{{ports_[0]->fd(), POLLIN, 0}, {ports_[1]->fd(), POLLIN, 0}}};
        caller_.flush();
        callee_.flush();
        const timespec pause{0, 50'000};
        if (::ppoll(ready.data(), ready.size(), &pause, nullptr) > 0) {
            now = os::monotonic_now();
            if (ready[0].revents != 0) caller_.receive(now);
            if (ready[1].revents != 0) callee_.receive(now);
        }
        wheel_.advance(now);
        caller_.flush();
        callee_.flush();
    }

    void count_second(Instant now) {
        const auto second = static_cast<std::size_t>(seconds_of(now - start_));
        constexpr std::size_t kMostSeconds = 3600;
        if (second < kMostSeconds && tally_.ended_by_second.size() <= second) tally_.ended_by_second.resize(second + 1);
        tally_.ended_by_second.back() += static_cast<std::uint32_t>(tally_.ended - ended_before_);
        ended_before_ = tally_.ended;
    }

    void wait_for_release() {
        std::printf("held %zu\n", caller_.up());
        std::fflush(stdout);
        char byte = 0;
        while (::read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n') {
        }
        released_ = true;
    }

    void tell(Instant now) const {
        std::fprintf(stderr, "%5.0f s: %llu started, %llu ended, %zu open, %llu refused, %llu retransmitted\n",
                     seconds_of(now - start_), static_cast<unsigned long long>(tally_.started),
                     static_cast<unsigned long long>(tally_.ended), caller_.open(),
                     static_cast<unsigned long long>(tally_.refused),
                     static_cast<unsigned long long>(tally_.retransmitted));
    }

    const Options& options_;
    std::array<SocketPort*, 2> ports_;
    Instant start_;
    TimerWheel wheel_;
    Tally tally_;
    std::string prefix_;
    Agent caller_;
    Agent callee_;
    std::mt19937_64 random_;
    std::vector<Scenario> bag_;
    std::size_t bag_at_ = 0;
    std::uint64_t handled_ = 0;
    std::uint64_t ended_before_ = 0;
    Duration paced_for_{};
    bool released_ = false;
};

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "sip-load: %s\n", why.c_str());
    std::exit(2);
}

// A side's socket, with what TLS needs for it.
struct Socket {
    Socket(const Options& options, const std::string& network, const Endpoint& local, const TlsFiles& files) {
        if (options.transport == "udp") {
            keep(UdpPort::open(network, local));
            return;
        }
        if (options.transport == "tls") {
            auto opened = TlsEnd::open(files, options.resume);
            if (!opened) fail(opened.error());
            tls = std::move(*opened);
        }
        keep(StreamPort::open(network, local, tls.get()));
    }
    template <typename Port>
    void keep(os::Result<std::unique_ptr<Port>> opened) {
        if (!opened) fail(opened.error());
        port = std::move(*opened);
    }

    std::unique_ptr<TlsEnd> tls;
    std::unique_ptr<SocketPort> port;
};

// A stream is a descriptor.
void allow_many_files() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--help") {
        std::fputs(kUsage, stdout);
        return EXIT_SUCCESS;
    }
    const auto options = parse_options(argc, argv);
    if (!options) fail(options.error());
    if (options->core >= 0)
        if (const auto bound = os::bind_this_thread(std::span(&options->core, 1)); !bound) fail(bound.error());
    prctl(PR_SET_TIMERSLACK, 1'000UL);
    allow_many_files();
    std::signal(SIGPIPE, SIG_IGN);  // a lost stream is counted
    const Socket caller(*options, options->caller_network, options->caller, options->caller_tls);
    const Socket callee(*options, options->callee_network, options->callee, options->callee_tls);
    auto* streams = dynamic_cast<StreamPort*>(caller.port.get());
    if (options->transport == "tls" && options->stream_per_call && options->resume &&
        !streams->fetch_session(to_sockaddr(options->target), 5s))
        fail("no TLS session came from the target");
    Run run(*options, *caller.port, *callee.port);
    const bool all_ended = run.run();
    return run.report(all_ended);
}
