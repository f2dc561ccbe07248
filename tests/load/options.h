#pragma once
// The command line of sip-load.

#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/base/time.h"
#include "tests/load/scenario.h"
#include "tests/load/tls_end.h"

namespace sallyport::load {

struct Options {
    std::string caller_network;  // namespaces; empty: the present one
    std::string callee_network;
    Endpoint caller;
    Endpoint callee;
    Endpoint target;  // of initial INVITEs
    double rate = 100;
    std::uint64_t calls = 0;  // 0: as many as `seconds` hold
    double seconds = 0;
    Duration hold{};
    Duration ring{};
    std::size_t most_open = 200'000;
    bool held = false;  // set up all calls, say so, wait for a line on the standard input, end them
    int core = -1;      // -1: any
    std::uint64_t seed = 1;
    std::vector<std::pair<Scenario, unsigned>> mix{{Scenario::kBasic, 1}};
    bool progress = false;
    std::string transport = "udp";
    bool stream_per_call = false;  // of the caller; else one for all calls
    bool resume = true;            // TLS sessions
    TlsFiles caller_tls;
    TlsFiles callee_tls;
};

// The error is a whole sentence.
std::expected<Options, std::string> parse_options(int argc, char** argv);
extern const char* const kUsage;

}  // namespace sallyport::load
