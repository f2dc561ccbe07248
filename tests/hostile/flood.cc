// Floods a port with frames of a hostile network, raw, in batches. Ends with one line of what was sent of each kind.
//
//   flood --device eth0 --gate-mac MAC --gate IP --media IP --host IP --ports FIRST-LAST --seconds N
//         [--kinds NAME,NAME...] [--rate PACKETS_PER_SECOND] [--seed N]        without --rate: as fast as can be

#include <arpa/inet.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "platform/os/clock.h"
#include "tests/hostile/flood_frames.h"

using namespace sallyport;
using namespace sallyport::hostile;

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kFramesPerKind = 512;

struct Arguments {
    FloodTarget target;
    std::string device = "eth0";
    std::vector<std::size_t> kinds;
    double seconds = 1;
    double rate = 0;
    std::uint64_t seed = 1;
};

void parse_kinds(const std::string& text, std::vector<std::size_t>& out) {
    std::istringstream in(text);
    for (std::string name; std::getline(in, name, ',');) {
        const auto at = std::ranges::find(kFloodKinds, name);
        if (at == kFloodKinds.end()) std::fprintf(stderr, "flood: unknown kind %s\n", name.c_str()), std::exit(2);
        out.push_back(static_cast<std::size_t>(at - kFloodKinds.begin()));
    }
}

void parse_mac(const char* text, std::array<std::byte, 6>& out) {
    std::array<unsigned, 6> m{};
    if (std::sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6) std::exit(2);
    for (std::size_t i = 0; i < 6; ++i) out[i] = static_cast<std::byte>(m[i]);
}

Arguments parse_arguments(int argc, char** argv) {
    static const option kOptions[] = {{"device", required_argument, nullptr, 'd'},
                                      {"gate-mac", required_argument, nullptr, 'm'},
                                      {"gate", required_argument, nullptr, 'g'},
                                      {"media", required_argument, nullptr, 'M'},
                                      {"host", required_argument, nullptr, 'h'},
                                      {"ports", required_argument, nullptr, 'p'},
                                      {"kinds", required_argument, nullptr, 'k'},
                                      {"seconds", required_argument, nullptr, 't'},
                                      {"rate", required_argument, nullptr, 'r'},
                                      {"seed", required_argument, nullptr, 's'},
                                      {nullptr, 0, nullptr, 0}};
    Arguments out;
    for (int c = 0; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
        switch (c) {
            case 'd': out.device = optarg; break;
            case 'm': parse_mac(optarg, out.target.gate_mac); break;
            case 'g': out.target.gate = optarg; break;
            case 'M': out.target.media = optarg; break;
            case 'h': out.target.host = optarg; break;
            case 'k': parse_kinds(optarg, out.kinds); break;
            case 't': out.seconds = std::atof(optarg); break;
            case 'r': out.rate = std::atof(optarg); break;
            case 's': out.seed = std::strtoull(optarg, nullptr, 10); break;
            case 'p':
                if (std::sscanf(optarg, "%hu-%hu", &out.target.first_port, &out.target.last_port) == 2) break;
                [[fallthrough]];
            default: std::exit(2);
        }
    }
    for (std::size_t k = 0; out.kinds.size() == k && k < kFloodKinds.size(); ++k) out.kinds.push_back(k);
    return out;
}

int open_device(const std::string& device) {
    const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
    if (fd < 0 || address.sll_ifindex == 0 ||
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        std::perror(("flood: " + device).c_str());
        std::exit(1);
    }
    const int yes = 1;
    ::setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
    return fd;
}

struct Frame {
    std::size_t kind = 0;
    test::Bytes bytes;
};

std::vector<Frame> make_frames(const Arguments& arguments) {
    FloodFrames maker(arguments.target, arguments.seed);
    std::vector<Frame> out;
    for (std::size_t i = 0; i < kFramesPerKind; ++i)
        for (const auto kind : arguments.kinds) out.push_back({kind, maker.make(kind)});
    return out;
}

using Counts = std::array<std::uint64_t, kFloodKinds.size()>;

void print(const char* name, const Counts& counts, const char* end) {
    std::printf("\"%s\": {", name);
    const char* comma = "";
    for (std::size_t k = 0; k < counts.size(); ++k) {
        if (counts[k] == 0) continue;
        std::printf("%s\"%.*s\": %llu", comma, static_cast<int>(kFloodKinds[k].size()), kFloodKinds[k].data(),
                    static_cast<unsigned long long>(counts[k]));
        comma = ", ";
    }
    std::printf("}%s", end);
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments(argc, argv);
    const int fd = open_device(arguments.device);
    auto frames = make_frames(arguments);
    Counts sent{};
    Counts refused{};  // by the kernel, as too short or too long for the device
    std::array<iovec, kBatch> vectors{};
    std::array<mmsghdr, kBatch> messages{};
    std::array<std::size_t, kBatch> kinds{};
    const auto start = os::monotonic_now();
    const auto elapsed = [&] { return std::chrono::duration<double>(os::monotonic_now() - start).count(); };
    double total = 0;
    for (std::size_t next = 0; elapsed() < arguments.seconds;) {
        if (arguments.rate > 0 && total > elapsed() * arguments.rate) {
            const timespec moment{0, 100'000};
            ::nanosleep(&moment, nullptr);
            continue;
        }
        for (std::size_t i = 0; i < kBatch; ++i, next = (next + 1) % frames.size()) {
            vectors[i] = {.iov_base = frames[next].bytes.data(), .iov_len = frames[next].bytes.size()};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            kinds[i] = frames[next].kind;
        }
        for (std::size_t done = 0; done < kBatch;) {
            const int n = ::sendmmsg(fd, messages.data() + done, static_cast<unsigned>(kBatch - done), 0);
            for (int i = 0; i < n; ++i) ++sent[kinds[done++]];
            total += std::max(n, 0);
            if (n <= 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) ++refused[kinds[done++]];
            if (n <= 0 && elapsed() > arguments.seconds) break;
        }
    }
    std::printf("{\"seconds\": %.2f, \"total\": %.0f, ", elapsed(), total);
    print("sent", sent, ", ");
    print("refused", refused, "}\n");
    ::close(fd);
    return 0;
}
