#pragma once
// One address that plays SIP with the gate, badly: its answers are mutated two times in five, it leaves INVITEs without
// an answer and answers without an ACK, and sends what it likes in the dialogs that come about.

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "platform/base/transport.h"
#include "tests/load/sip_scan.h"
#include "tests/load/socket_port.h"
#include "tests/mutate/mutator.h"

namespace sallyport::mutate {

using Clock = std::chrono::steady_clock;

class HostileAgent {
public:
    struct Counts {
        std::uint64_t sent = 0;
        std::uint64_t refused = 0;  // by the kernel
        std::uint64_t received = 0;
        std::uint64_t invites = 0;    // received
        std::uint64_t responses = 0;  // received
        std::uint64_t answered = 0;   // INVITEs of ours that got a 2xx, repetitions included
        std::uint64_t ended = 0;      // dialogs that got a BYE of ours
    };

    static Names names_of(const Endpoint& local, const Endpoint& gate);

    HostileAgent(std::unique_ptr<load::SocketPort> port, Transport transport, const Endpoint& gate, std::uint64_t seed);

    // Sends message `number`, with the gate's tag of its dialog where one is known.
    void send_message(std::uint64_t number);
    // Takes what has come, ends dialogs that are due, and sends all that is queued.
    void turn(Clock::time_point now);
    int fd() const { return port_->fd(); }
    const Counts& counts() const { return counts_; }

private:
    struct End {
        Clock::time_point at;
        std::string bye;
    };
    static constexpr std::size_t kMostTags = 4096;

    void on_request(const load::Scan& request);
    void on_response(const load::Scan& response, Clock::time_point now);
    void answer(const load::Scan& request, unsigned status, bool sdp, std::string_view method);
    std::string in_dialog(const load::Scan& seen, std::string_view method, std::uint32_t cseq, bool ours_is_to);
    void say(const std::string& text, bool mutable_text = true);
    void send(std::string text);

    std::unique_ptr<load::SocketPort> port_;
    Transport transport_;
    sockaddr_in gate_;
    std::string host_;
    std::string contact_;
    std::string gate_host_;
    Mutator mutator_;
    FakeRandom random_;
    std::uint64_t answers_ = 0;
    std::unordered_map<std::string, std::string> tags_;  // of the gate, by Call-ID
    std::deque<std::string> tag_order_;
    std::deque<End> ends_;
    load::Scan scan_;
    Counts counts_;
};

}  // namespace sallyport::mutate
