// sip-mutator: SIP messages mutated from valid ones, at a rate, at a gate; and peers that answer as badly.
//
// Message number N of seed S is always the same bytes (but for the gate's tags, which stand in it when known):
// `--only N` prints it. Three addresses take part: one that the gate knows as a trunk's peer, one that it does not know
// (every sixth message), and a callee on the other side. Ends with one line of JSON.

#include <getopt.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/load/stream_port.h"
#include "tests/load/tls_end.h"
#include "tests/load/udp_port.h"
#include "tests/mutate/hostile_agent.h"

namespace {

using namespace sallyport;
using namespace sallyport::mutate;

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t first = 0;
    std::uint64_t count = 1000;
    std::uint64_t rate = 500;
    double linger_s = 2;
    std::optional<std::uint64_t> only;
    std::string gate = "192.0.2.1:5060";
    std::string callee_gate = "198.51.100.1:5060";
    std::string peer = "192.0.2.66:5060";
    std::string stranger = "192.0.2.67:5060";
    std::string callee = "198.51.100.66:5060";
    std::string network;  // of peer and stranger
    std::string callee_network;
    std::string transport = "udp";
    load::TlsFiles tls;  // of peer and stranger; the callee's:
    load::TlsFiles callee_tls;
};

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "sip-mutator: %s\n", why.c_str());
    std::exit(EXIT_FAILURE);
}

std::uint64_t number(const char* text) {
    char* end = nullptr;
    const auto v = std::strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') fail(std::string("not a number: ") + text);
    return v;
}

Options parse(int argc, char** argv) {
    Options out;
    const std::array<option, 19> options{{{"seed", required_argument, nullptr, 's'},
                                          {"first", required_argument, nullptr, 'f'},
                                          {"count", required_argument, nullptr, 'c'},
                                          {"rate", required_argument, nullptr, 'r'},
                                          {"linger", required_argument, nullptr, 'l'},
                                          {"only", required_argument, nullptr, 'o'},
                                          {"gate", required_argument, nullptr, 'g'},
                                          {"callee-gate", required_argument, nullptr, 'G'},
                                          {"peer", required_argument, nullptr, 'p'},
                                          {"stranger", required_argument, nullptr, 'x'},
                                          {"callee", required_argument, nullptr, 'e'},
                                          {"network", required_argument, nullptr, 'n'},
                                          {"callee-network", required_argument, nullptr, 'N'},
                                          {"transport", required_argument, nullptr, 't'},
                                          {"certificate", required_argument, nullptr, 'C'},
                                          {"callee-certificate", required_argument, nullptr, 'E'},
                                          {"authorities", required_argument, nullptr, 'A'},
                                          {"help", no_argument, nullptr, 'h'},
                                          {}}};
    for (int c = 0; (c = ::getopt_long(argc, argv, "", options.data(), nullptr)) != -1;) {
        switch (c) {
            case 's': out.seed = number(optarg); break;
            case 'f': out.first = number(optarg); break;
            case 'c': out.count = number(optarg); break;
            case 'r': out.rate = std::max<std::uint64_t>(1, number(optarg)); break;
            case 'l': out.linger_s = static_cast<double>(number(optarg)); break;
            case 'o': out.only = number(optarg); break;
            case 'g': out.gate = optarg; break;
            case 'G': out.callee_gate = optarg; break;
            case 'p': out.peer = optarg; break;
            case 'x': out.stranger = optarg; break;
            case 'e': out.callee = optarg; break;
            case 'n': out.network = optarg; break;
            case 'N': out.callee_network = optarg; break;
            case 't': out.transport = optarg; break;
            case 'C': out.tls.certificate = out.tls.key = optarg; break;
            case 'E': out.callee_tls.certificate = out.callee_tls.key = optarg; break;
            case 'A': out.tls.authorities = out.callee_tls.authorities = optarg; break;
            default:
                std::puts(
                    "usage: sip-mutator [--seed S] [--first N] [--count N] [--rate PER-SECOND] [--linger SECONDS]\n"
                    "                   [--gate A:P] [--callee-gate A:P] [--peer A:P] [--stranger A:P] [--callee A:P]\n"
                    "                   [--network NAMESPACE] [--callee-network NAMESPACE]\n"
                    "                   [--transport udp|tcp|tls]\n"
                    "                   [--certificate PEM] [--callee-certificate PEM] [--authorities PEM]   with "
                    "their keys, for tls\n"
                    "       sip-mutator [--seed S] --only N     prints message N");
                std::exit(c == 'h' ? EXIT_SUCCESS : EXIT_FAILURE);
        }
    }
    return out;
}

Endpoint endpoint(const std::string& text) {
    const auto e = Endpoint::parse(text);
    if (!e) fail("not an address with a port: " + text);
    return *e;
}

Transport transport_of(const std::string& name) {
    const auto found = transport_named(name);
    if (!found) fail("not a transport: " + name);
    return *found;
}

// What speaks for one network.
class Side {
public:
    Side(const Options& options, const std::string& network, const load::TlsFiles& files)
        : network_(network), transport_(transport_of(options.transport)), seed_(options.seed) {
        if (transport_ != Transport::kTls) return;
        auto tls = load::TlsEnd::open(files, true);
        if (!tls) fail(tls.error());
        tls_ = std::move(*tls);
    }

    HostileAgent agent(const std::string& local, const std::string& gate) {
        if (transport_ == Transport::kUdp) return made(load::UdpPort::open(network_, endpoint(local)), gate);
        return made(load::StreamPort::open(network_, endpoint(local), tls_.get()), gate);
    }

private:
    template <typename Port>
    HostileAgent made(os::Result<std::unique_ptr<Port>> port, const std::string& gate) {
        if (!port) fail(port.error());
        return {std::move(*port), transport_, endpoint(gate), seed_};
    }

    std::string network_;
    Transport transport_;
    std::uint64_t seed_;
    std::unique_ptr<load::TlsEnd> tls_;
};

// Every sixth is a stranger's.
bool is_stranger(std::uint64_t message) { return message % 6 == 5; }

void print_counts(const char* name, const HostileAgent::Counts& c, const char* end) {
    std::printf("\"%s\": {\"sent\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"received\": %" PRIu64
                ", \"invites\": %" PRIu64 ", \"responses\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"ended\": %" PRIu64
                "}%s",
                name, c.sent, c.refused, c.received, c.invites, c.responses, c.answered, c.ended, end);
}

void run(const Options& o) {
    Side side(o, o.network, o.tls);
    Side callee_side(o, o.callee_network, o.callee_tls);
    auto peer = side.agent(o.peer, o.gate);
    auto stranger = side.agent(o.stranger, o.gate);
    auto callee = callee_side.agent(o.callee, o.callee_gate);
    const std::array<HostileAgent*, 3> all{&peer, &stranger, &callee};
    const auto begin = Clock::now();
    auto end = Clock::time_point::max();
    for (std::uint64_t sent = 0; Clock::now() < end;) {
        const auto now = Clock::now();
        const auto due = static_cast<std::uint64_t>(std::chrono::duration<double>(now - begin).count() *
                                                    static_cast<double>(o.rate));
        // What a stall has left is not made up for at once: a burst would only fill socket buffers.
        for (int burst = 0; burst < 64 && sent < std::min(due, o.count); ++burst, ++sent)
            (is_stranger(o.first + sent) ? stranger : peer).send_message(o.first + sent);
        for (auto* a : all) a->turn(now);
        if (sent == o.count && end == Clock::time_point::max())
            end = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(o.linger_s));
        std::array<pollfd, 3> fds{};
        for (std::size_t i = 0; i < all.size(); ++i) fds[i] = {all[i]->fd(), POLLIN, 0};
        ::poll(fds.data(), fds.size(), 1);
    }
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count() - o.linger_s;
    std::printf("{\"seconds\": %.1f, ", seconds);
    print_counts("peer", peer.counts(), ", ");
    print_counts("stranger", stranger.counts(), ", ");
    print_counts("callee", callee.counts(), "}\n");
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    if (options.only) {
        const auto from = endpoint(is_stranger(*options.only) ? options.stranger : options.peer);
        const Mutator mutator(options.seed, HostileAgent::names_of(from, endpoint(options.gate)));
        const auto bytes = mutator.message(*options.only);
        std::fwrite(bytes.data(), 1, bytes.size(), stdout);
        return EXIT_SUCCESS;
    }
    run(options);
    return EXIT_SUCCESS;
}
