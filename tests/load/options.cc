#include "tests/load/options.h"

#include <getopt.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

namespace sallyport::load {

namespace {

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number out{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

std::optional<std::vector<std::pair<Scenario, unsigned>>> mix_of(std::string_view text) {
    std::vector<std::pair<Scenario, unsigned>> out;
    while (!text.empty()) {
        const auto item = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        const auto equals = item.find('=');
        const auto scenario = scenario_of(item.substr(0, equals));
        const auto weight = equals == std::string_view::npos ? std::optional<unsigned>(1)
                                                             : number_of<unsigned>(item.substr(equals + 1));
        if (!scenario || !weight || *weight == 0) return std::nullopt;
        out.emplace_back(*scenario, *weight);
    }
    if (out.empty()) return std::nullopt;
    return out;
}

bool set_endpoint(Endpoint& out, std::string_view text) {
    const auto parsed = Endpoint::parse(text);
    if (!parsed || !parsed->address.is_v4()) return false;
    out = *parsed;
    return true;
}

template <typename Number>
bool set(Number& out, std::string_view text) {
    const auto parsed = number_of<Number>(text);
    if (!parsed) return false;
    out = *parsed;
    return true;
}

bool set_files(TlsFiles& out, std::string_view stem) {
    out.certificate = std::string(stem) + ".pem";
    out.key = std::string(stem) + ".key";
    return true;
}

bool set_ms(Duration& out, std::string_view text) {
    const auto parsed = number_of<std::uint32_t>(text);
    if (!parsed) return false;
    out = std::chrono::milliseconds(*parsed);
    return true;
}

}  // namespace

const char* const kUsage =
    "usage: sip-load --caller ADDRESS:PORT --callee ADDRESS:PORT --target ADDRESS:PORT [options]\n"
    "Calls from one address through the element at --target to the other, and judges each call's end. Prints one JSON\n"
    "object; exit code 0 when every call ended as its scenario wants it.\n"
    "  --caller-network NAME, --callee-network NAME   network namespaces of the two\n"
    "  --rate CALLS_PER_S  --calls N  --seconds S     how many (S seconds at the rate when N is not given)\n"
    "  --hold-ms MS  --ring-ms MS                     from the answer to the BYE; from 180 to 200\n"
    "  --mix basic=5,hold=1,...                       basic hold callee-hold cancel busy early lost-ack never-ack "
    "callee-bye\n"
    "  --most-open N                                  calls at a time\n"
    "  --held                                         sets up all calls, prints `held N`, ends them after a line of "
    "input\n"
    "  --core N  --seed N  --progress\n"
    "  --transport udp|tcp|tls                        the callee listens for it, too\n"
    "  --stream-per-call                              the caller makes a connection for each call, and closes it with "
    "the call's end\n"
    "  --no-resumption                                each TLS handshake is a full one\n"
    "  --certificate FILE  --callee-certificate FILE  FILE.pem and FILE.key; --authorities FILE verifies the other's\n";

std::expected<Options, std::string> parse_options(int argc, char** argv) {
    Options o;
    const std::map<std::string_view, std::function<bool(std::string_view)>> setters{
        {"caller", [&](auto t) { return set_endpoint(o.caller, t); }},
        {"callee", [&](auto t) { return set_endpoint(o.callee, t); }},
        {"target", [&](auto t) { return set_endpoint(o.target, t); }},
        {"caller-network", [&](auto t) { return o.caller_network = t, true; }},
        {"callee-network", [&](auto t) { return o.callee_network = t, true; }},
        {"rate", [&](auto t) { return set(o.rate, t) && o.rate > 0; }},
        {"calls", [&](auto t) { return set(o.calls, t); }},
        {"seconds", [&](auto t) { return set(o.seconds, t) && o.seconds >= 0; }},
        {"hold-ms", [&](auto t) { return set_ms(o.hold, t); }},
        {"ring-ms", [&](auto t) { return set_ms(o.ring, t); }},
        {"most-open", [&](auto t) { return set(o.most_open, t); }},
        {"transport",
         [&](auto t) {
             o.transport = t;
             return t == "udp" || t == "tcp" || t == "tls";
         }},
        {"certificate", [&](auto t) { return set_files(o.caller_tls, t); }},
        {"callee-certificate", [&](auto t) { return set_files(o.callee_tls, t); }},
        {"authorities", [&](auto t) { return o.caller_tls.authorities = o.callee_tls.authorities = t, true; }},
        {"core", [&](auto t) { return set(o.core, t); }},
        {"seed", [&](auto t) { return set(o.seed, t); }},
        {"mix",
         [&](auto t) {
             auto mix = mix_of(t);
             if (mix) o.mix = std::move(*mix);
             return mix.has_value();
         }},
    };
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--held") {
            o.held = true;
        } else if (word == "--stream-per-call") {
            o.stream_per_call = true;
        } else if (word == "--no-resumption") {
            o.resume = false;
        } else if (word == "--progress") {
            o.progress = true;
        } else if (const auto it = word.starts_with("--") ? setters.find(word.substr(2)) : setters.end();
                   it != setters.end()) {
            if (++i == argc) return std::unexpected(std::string(word) + " needs a value");
            if (!it->second(argv[i])) return std::unexpected(std::string(word) + " " + argv[i] + " cannot be read");
        } else {
            return std::unexpected("there is no option " + std::string(word) + "; see --help");
        }
    }
    if (o.caller.empty() || o.callee.empty() || o.target.empty())
        return std::unexpected(std::string("--caller, --callee and --target are needed; see --help"));
    const auto unusable = [](const TlsFiles& files) { return files.certificate.empty() || files.authorities.empty(); };
    if (o.transport == "tls" && (unusable(o.caller_tls) || unusable(o.callee_tls)))
        return std::unexpected(std::string("tls needs --certificate, --callee-certificate and --authorities"));
    if (o.transport == "udp" && o.stream_per_call)
        return std::unexpected(std::string("--stream-per-call needs tcp or tls"));
    if (o.calls == 0 && o.seconds > 0) o.calls = static_cast<std::uint64_t>(o.rate * o.seconds);
    if (o.calls == 0) return std::unexpected(std::string("--calls or --seconds is needed"));
    if (o.held) o.hold = Duration::max();
    return o;
}

}  // namespace sallyport::load
