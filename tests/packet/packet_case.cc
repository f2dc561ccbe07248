#include "tests/packet/packet_case.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace sallyport::test {
namespace {

using Options = std::map<std::string, std::string>;
// The options of a verb, each with the words that it may be; none: any value.
using KnownOptions = std::map<std::string, std::vector<std::string>>;

// A misspelt option would quietly test something else.
std::string mistake(const KnownOptions& known, const Options& options) {
    for (const auto& [name, value] : options) {
        const auto it = known.find(name);
        if (it == known.end()) return "unknown option: " + name;
        const auto& words = it->second;
        if (!words.empty() && std::ranges::find(words, value) == words.end()) return "unknown value of " + name;
    }
    return {};
}

const std::vector<std::string> kBare{""};
const KnownOptions kFlowOptions{{"forward", {"0", "1"}},
                                {"rule", {"exact", "address", "prefix"}},
                                {"rtcp", {"1"}},
                                {"relatch", kBare},
                                {"prefix", {}},
                                {"rate", {}},
                                {"to", {}},
                                {"remote", {}}};
const KnownOptions kFrameOptions{{"seq", {}},
                                 {"from", {}},
                                 {"to", {}},
                                 {"vlan", {}},
                                 {"type", {"rtp", "rtcp", "zero", "sip"}},
                                 {"size", {}},
                                 {"fragment", {}},
                                 {"mac", {"other", "broadcast"}},
                                 {"flip", {}},
                                 {"cut", {}},
                                 {"nochecksum", kBare},
                                 {"options", {}},
                                 {"tos", {}}};

struct Player {
    Relay relay;
    CaseResult result;
    const std::vector<CapturedFrame>* given = nullptr;
    std::size_t next_given = 0;
    std::uint64_t time_us = 0;
    std::map<std::string, wire::FlowSpec> specs{{"in", inbound()}, {"out", outbound()}};
    std::map<std::string, std::uint32_t> flow_of;

    static std::uint64_t number(const std::string& text, int base = 10) { return std::stoull(text, nullptr, base); }

    void apply(wire::FlowSpec& spec, const Options& options) {
        if (options.contains("forward"))
            spec.flags = static_cast<std::uint16_t>(options.at("forward") == "1" ? spec.flags | wire::kFlowForward
                                                                                 : spec.flags & ~wire::kFlowForward);
        if (options.contains("rtcp")) spec.flags |= wire::kFlowRtcp;
        if (options.contains("relatch")) spec.flags |= wire::kFlowRelatch;
        if (options.contains("rule"))
            spec.source_rule = options.at("rule") == "exact"     ? wire::SourceRule::kExact
                               : options.at("rule") == "address" ? wire::SourceRule::kAddress
                                                                 : wire::SourceRule::kPrefix;
        if (options.contains("prefix")) spec.prefix_length = static_cast<std::uint8_t>(number(options.at("prefix")));
        if (options.contains("rate")) spec.rate_pps = static_cast<std::uint32_t>(number(options.at("rate")));
        if (options.contains("to")) spec.out_remote = *Endpoint::parse(options.at("to"));
        if (options.contains("remote")) spec.remote = *Endpoint::parse(options.at("remote"));
    }

    void change(wire::CommandType type, const std::string& name, const Options& options) {
        auto spec = specs.at(name);
        apply(spec, options);
        if (relay.t.commit({command(type, spec)}) != wire::RejectReason::kNone) result.error = "refused: " + name;
        spec.flags &= static_cast<std::uint16_t>(~wire::kFlowRelatch);
        specs[name] = spec;
        if (const auto flow = relay.t.table.find(spec.key)) flow_of[name] = *flow;
    }

    Bytes build(const std::string& side, const Options& options) {
        auto frame = side == "access" ? UdpFrame{} : relay.from_core();
        const auto seq = static_cast<std::uint16_t>(options.contains("seq") ? number(options.at("seq")) : 1);
        const auto size = options.contains("size") ? number(options.at("size")) : 20;
        frame.payload = rtp(seq, size);
        const auto type = options.contains("type") ? options.at("type") : "rtp";
        if (type == "rtcp") frame.payload = rtcp_sender_report();
        if (type == "zero") frame.payload.assign(size, std::byte{0});
        if (type == "sip") frame.destination_port = 5060;
        const auto endpoint = [&](const char* name, std::string& address, std::uint16_t& port) {
            if (!options.contains(name)) return;
            const auto e = *Endpoint::parse(options.at(name));
            address = e.address.text();
            port = e.port;
        };
        endpoint("from", frame.source, frame.source_port);
        endpoint("to", frame.destination, frame.destination_port);
        if (options.contains("vlan")) frame.vlan = static_cast<int>(number(options.at("vlan")));
        if (options.contains("fragment"))
            frame.fragment = static_cast<std::uint16_t>(number(options.at("fragment"), 16));
        if (options.contains("tos")) frame.tos = static_cast<std::uint8_t>(number(options.at("tos")));
        if (options.contains("options")) frame.options.assign(number(options.at("options")), std::byte{1});
        if (options.contains("nochecksum")) frame.with_checksum = false;
        if (options.contains("mac"))
            frame.destination_mac =
                options.at("mac") == "broadcast" ? "\xff\xff\xff\xff\xff\xff" : "\x02\x00\x00\x00\x00\x63";
        auto bytes = frame.build();
        if (options.contains("flip")) bytes.at(number(options.at("flip"))) ^= std::byte{1};
        if (options.contains("cut")) bytes.resize(number(options.at("cut")));
        return bytes;
    }

    void send(const std::string& side, const Options& options) {
        CapturedFrame frame{time_us, {}};
        if (given == nullptr)
            frame.bytes = build(side, options);
        else if (next_given < given->size())
            frame = (*given)[next_given++];
        else
            result.error = "in.pcap has fewer frames than the rules";
        result.in.push_back(frame);
        relay.now_ns = 5'000'000'000 + frame.time_us * 1'000;
        auto sent = relay.send(frame.bytes, side == "access" ? 0 : 1);
        if (sent.verdict == packet::Verdict::kDrop) return;
        result.out.push_back({frame.time_us, std::move(sent.frame)});
        result.verdicts += verdict(sent) + '\n';
    }

    // What is done with the frame, which its bytes do not tell.
    static std::string verdict(const Sent& sent) {
        static constexpr std::array<const char*, 3> kInterfaces{"access", "core", "v7"};
        const std::string interface = kInterfaces.at(sent.interface);
        switch (sent.verdict) {
            case packet::Verdict::kTransmit: return "transmit " + interface;
            case packet::Verdict::kResolve: return "resolve " + interface + ' ' + IpAddress::v4(sent.next_hop).text();
            case packet::Verdict::kKernel: return "kernel " + interface;
            case packet::Verdict::kDrop: break;
        }
        return "drop";
    }

    void counters() {
        std::ostringstream text;
        for (std::size_t r = 0; r < wire::kDropReasons; ++r) {
            const auto reason = static_cast<wire::DropReason>(r);
            if (const auto value = relay.pipeline.drops().get(reason); value != 0)
                text << "drop-" << wire::info(reason).name << ' ' << value << '\n';
        }
        for (const auto& [name, flow] : flow_of) {
            const auto c = relay.t.table.counters(flow);
            const auto line = [&](const char* what, std::uint64_t value) {
                if (value != 0) text << name << '-' << what << ' ' << value << '\n';
            };
            line("packets", c.packets_in);
            line("bytes", c.bytes_in);
            line("forwarded", c.packets_forwarded);
            line("dropped", c.packets_dropped);
            line("lost", c.packets_lost);
            line("out-of-order", c.packets_out_of_order);
            line("duplicate", c.packets_duplicate);
            line("jitter-us", c.jitter_us);
        }
        result.counters = text.str();
    }

    void line(const std::string& text) {
        std::istringstream words(text.substr(0, text.find('#')));
        std::string verb;
        std::string subject;
        if (!(words >> verb)) return;
        words >> subject;
        Options options;
        for (std::string word; words >> word;) {
            const auto equals = word.find('=');
            options[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
        }
        const bool of_flow = verb == "install" || verb == "update" || verb == "remove";
        const bool of_frame = verb == "frame";
        if (of_flow ? subject != "in" && subject != "out" : of_frame && subject != "access" && subject != "core")
            result.error = "unknown: " + subject;
        else if (of_flow)
            result.error = mistake(verb == "remove" ? KnownOptions{} : kFlowOptions, options);
        else
            result.error = mistake(of_frame ? kFrameOptions : KnownOptions{}, options);
        if (!result.error.empty())
            result.error += " in: " + text;
        else if (verb == "install")
            change(wire::CommandType::kInstall, subject, options);
        else if (verb == "update")
            change(wire::CommandType::kUpdate, subject, options);
        else if (verb == "remove")
            change(wire::CommandType::kRemove, subject, options);
        else if (verb == "at")
            time_us = number(subject) * 1'000;
        else if (of_frame)
            send(subject, options);
        else
            result.error = "unknown line: " + text;
    }
};

}  // namespace

CaseResult play_case(const std::string& rules, const std::vector<CapturedFrame>* in) {
    Player player;
    player.given = in;
    std::istringstream lines(rules);
    for (std::string text; player.result.error.empty() && std::getline(lines, text);) player.line(text);
    player.counters();
    if (in != nullptr && player.next_given != in->size())
        player.result.error = "in.pcap has more frames than the rules";
    return player.result;
}

}  // namespace sallyport::test
