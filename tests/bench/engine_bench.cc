// What a call costs the signalling engine alone: INVITE/180/200/ACK/BYE/200 with SDP, both agents and the dataplane in
// memory. For profiles that nothing disturbs, e.g. `valgrind --tool=callgrind build/release/bench/engine_bench 2000`.
//
// Prints nanoseconds per call spent in the engine and in what the process does with its outbox except for system calls
// (exports, records); the agents' own time is not counted.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "controlplane/call/engine.h"
#include "controlplane/call/outbox.h"
#include "platform/base/timer_wheel.h"
#include "tests/load/agent.h"
#include "tests/scenario/fake_dataplane.h"
#include "tests/scenario/view.h"
#include "tests/support/fake_random.h"

namespace {

using namespace sallyport;
using namespace std::chrono_literals;

constexpr std::size_t kInAFlight = 16;  // calls that start in one turn

class MemoryPort final : public load::Port {
public:
    explicit MemoryPort(const char* local) : local_(Endpoint::parse(local).value()) {}
    const Endpoint& local() const override { return local_; }
    std::span<const Datagram> receive() override {
        reading_.swap(inbox_);
        inbox_.clear();
        datagrams_.clear();
        for (const auto& bytes : reading_) datagrams_.push_back({peer, bytes});
        return datagrams_;
    }
    void send(const sockaddr_in&, std::string_view bytes) override { sent.emplace_back(bytes); }
    std::size_t flush() override { return 0; }

    void deliver(std::string_view bytes) { inbox_.emplace_back(bytes); }
    std::vector<std::string> sent;
    sockaddr_in peer{};

private:
    Endpoint local_;
    std::vector<std::string> inbox_, reading_;
    std::vector<Datagram> datagrams_;
};

}  // namespace

int main(int argc, char** argv) {
    const std::size_t wanted = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
    auto view = scenario::default_view();
    view.system.max_calls = 30'000;
    for (auto& realm : view.realms) {
        realm.media.media_ports = {10000, 65535};
        const auto first = realm.media.media_addresses.front().v4_host_order();
        for (std::uint32_t i = 1; i < 8; ++i) realm.media.media_addresses.push_back(IpAddress::v4(first + i));
    }
    test::FakeRandom random(1);
    call::Outbox out;
    Now now{Instant(1000s), WallTime(1'800'000'000s)};
    auto engine = std::make_unique<call::Engine>(view, random, 0, out, now);
    engine->on_dataplane_session(now, true);
    scenario::FakeDataplane dataplane;

    MemoryPort caller_port("192.0.2.10:5060");
    MemoryPort callee_port("198.51.100.10:5060");
    caller_port.peer = load::to_sockaddr(view.sip_interfaces[0].local);
    callee_port.peer = load::to_sockaddr(view.sip_interfaces[1].local);
    TimerWheel wheel(now.instant);
    load::Tally tally;
    load::Agent caller(caller_port, wheel, tally, {.prefix = "a", .target = view.sip_interfaces[0].local});
    load::Agent callee(callee_port, wheel, tally, {.prefix = "b", .target = {}});

    std::chrono::nanoseconds spent{};
    std::size_t json_bytes = 0;
    const auto in_engine = [&](auto&& work) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        spent += std::chrono::steady_clock::now() - begin;
    };
    const auto carry_out = [&] {
        in_engine([&] { engine->flush(now); });
        for (const auto& command : out.flow_commands) dataplane.on_command(command);
        for (const auto& entry : out.sends.entries())
            (entry.path.sip_interface == 0 ? caller_port : callee_port).deliver(out.sends.bytes(entry));
        in_engine([&] {
            for (const auto& record : out.records) json_bytes += call::json_line(record).size();
            out.clear();
        });
    };
    const auto feed = [&](MemoryPort& port, std::uint16_t sip_interface) {
        in_engine([&] {
            for (const auto& bytes : port.sent)
                engine->on_message(now, {sip_interface, port.local()}, std::as_bytes(std::span(bytes)));
        });
        port.sent.clear();
    };
    carry_out();
    while (tally.ended < wanted) {
        for (std::size_t i = 0; i < kInAFlight && tally.started < wanted; ++i)
            caller.call(load::Scenario::kBasic, now.instant);
        do {
            feed(caller_port, 0);
            feed(callee_port, 1);
            in_engine([&] {
                for (; !dataplane.events.empty(); dataplane.events.pop_front())
                    engine->on_flow_event(now, dataplane.events.front());
            });
            carry_out();
            caller.receive(now.instant);
            callee.receive(now.instant);
        } while (!caller_port.sent.empty() || !callee_port.sent.empty() || !dataplane.events.empty());
        // 2,000 calls/s: so many transactions linger as they do in the process.
        now.instant += 8ms;
        now.wall += 8ms;
        wheel.advance(now.instant);
        in_engine([&] { engine->advance(now); });
        carry_out();
    }
    if (tally.answered != wanted || !dataplane.problems.empty()) {
        std::fprintf(stderr, "engine_bench: %llu of %zu calls were answered\n",
                     static_cast<unsigned long long>(tally.answered), wanted);
        return 1;
    }
    std::printf("%.0f\n", static_cast<double>(spent.count()) / static_cast<double>(wanted));
    return json_bytes == 0;
}
