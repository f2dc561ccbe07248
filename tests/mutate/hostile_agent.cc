#include "tests/mutate/hostile_agent.h"

namespace sallyport::mutate {

namespace {

constexpr std::chrono::milliseconds kLinger{2000};  // of a stream that gets no more messages

}  // namespace

Names HostileAgent::names_of(const Endpoint& local, const Endpoint& gate) {
    return {.host = local.address.text(),
            .port = local.port,
            .gate = gate.address.text(),
            // As tests/system/mutated_case.py has SIPp name its calls.
            .live_call_id = "legitimate-%u@pbx.example"};
}

HostileAgent::HostileAgent(std::unique_ptr<load::SocketPort> port, Transport transport, const Endpoint& gate,
                           std::uint64_t seed)
    : port_(std::move(port)),
      transport_(transport),
      gate_(load::to_sockaddr(gate)),
      host_(port_->local().address.text()),
      contact_("sip:m@" + port_->local().text()),
      gate_host_(gate.address.text()),
      mutator_(seed, names_of(port_->local(), gate)),
      random_(seed ^ port_->local().address.v4_host_order()) {
    if (transport_ != Transport::kUdp) contact_.append(";transport=").append(transport_name(transport_));
}

void HostileAgent::say(const std::string& text, bool mutable_text) {
    send(mutable_text ? mutator_.mutated(text, ++answers_) : text);
}

// The mutations know UDP alone: where they left a transport in peace it becomes the one at hand.
void HostileAgent::send(std::string text) {
    if (transport_ != Transport::kUdp) {
        constexpr auto kOther = via_protocol(Transport::kUdp);
        for (auto at = text.find(kOther); at != std::string::npos; at = text.find(kOther, at + kOther.size()))
            text.replace(at, kOther.size(), via_protocol(transport_));
    }
    port_->send(gate_, text);
}

void HostileAgent::send_message(std::uint64_t number) {
    auto bytes = mutator_.message(number);
    constexpr std::string_view kName = "\r\nCall-ID: ";
    if (const auto at = bytes.find(kName); at != std::string::npos) {
        const auto from = at + kName.size();
        const auto known = tags_.find(bytes.substr(from, bytes.find('\r', from) - from));
        if (known != tags_.end())
            // What is put in may hold what was sought.
            for (auto i = bytes.find(kUnknownTag); i != std::string::npos;
                 i = bytes.find(kUnknownTag, i + known->second.size()))
                bytes.replace(i, kUnknownTag.size(), known->second);
    }
    send(std::move(bytes));
    // A message whose end is not where it says takes those behind it along: so no stream lives for many.
    if (random_.chance(25)) port_->leave(gate_, kLinger);
    ++counts_.sent;
}

void HostileAgent::turn(Clock::time_point now) {
    for (auto batch = port_->receive(); !batch.empty(); batch = port_->receive()) {
        for (const auto& datagram : batch) {
            ++counts_.received;
            if (!load::scan(datagram.bytes, scan_)) continue;
            if (scan_.request)
                on_request(scan_);
            else
                on_response(scan_, now);
        }
    }
    while (!ends_.empty() && ends_.front().at <= now) {
        send(ends_.front().bye);
        ends_.pop_front();
        ++counts_.ended;
    }
    counts_.refused += port_->flush();
}

void HostileAgent::on_request(const load::Scan& request) {
    using load::Method;
    switch (request.method) {
        case Method::kInvite: {
            ++counts_.invites;
            const auto how = random_.below(100);
            if (how < 15) return;  // Timer B, or the caller's patience
            if (how < 30) return answer(request, 300 + random_.below(400), false, "INVITE");
            answer(request, 180 + random_.below(5), random_.chance(30), "INVITE");
            if (how >= 45) answer(request, 200, true, "INVITE");
            return;
        }
        case Method::kCancel: answer(request, 200, false, "CANCEL"); return answer(request, 487, false, "INVITE");
        case Method::kAck:
            if (random_.chance(70)) return;
            {
                constexpr std::array<std::string_view, 6> kWithin{"INVITE", "BYE", "INFO", "UPDATE", "INVITE", "REFER"};
                say(in_dialog(request, draw(random_, kWithin), 1 + random_.below(3), true));
            }
            return;
        default: answer(request, random_.chance(90) ? 200 : 481, false, load::name(request.method));
    }
}

void HostileAgent::on_response(const load::Scan& response, Clock::time_point now) {
    ++counts_.responses;
    if (response.method != load::Method::kInvite) return;
    if (const auto at = response.to.find(";tag=");
        at != std::string_view::npos && response.status > 100 && !response.to.ends_with(kUnknownTag)) {
        const auto [it, fresh] = tags_.emplace(response.call_id, response.to.substr(at + 5));
        if (fresh) tag_order_.push_back(it->first);
        if (tag_order_.size() > kMostTags) {
            tags_.erase(tag_order_.front());
            tag_order_.pop_front();
        }
    }
    if (response.status < 200 || response.status >= 300) return;
    ++counts_.answered;
    if (random_.chance(30)) return;  // the gate gives up after 64*T1
    say(in_dialog(response, "ACK", response.cseq, false), random_.chance(20));
    if (random_.chance(20)) say(in_dialog(response, "INVITE", response.cseq + 1, false));
    if (random_.chance(80))
        ends_.push_back({now + std::chrono::seconds(1), in_dialog(response, "BYE", response.cseq + 100, false)});
}

void HostileAgent::answer(const load::Scan& request, unsigned status, bool sdp, std::string_view method) {
    std::string out = "SIP/2.0 " + std::to_string(status) + " X\r\n";
    for (std::size_t i = 0; i < request.via_count; ++i) out.append("Via: ").append(request.via_lines[i]).append("\r\n");
    out.append("From: ").append(request.from).append("\r\nTo: ").append(request.to);
    if (!load::has_tag(request.to)) out.append(";tag=m").append(request.branch.substr(0, 20));
    out.append("\r\nCall-ID: ").append(request.call_id).append("\r\nCSeq: ").append(std::to_string(request.cseq));
    out.append(" ").append(method).append("\r\n").append(request.record_routes);
    out.append("Contact: <").append(contact_).append(">\r\n");
    const auto body = sdp ? description(host_, random_) : std::string();
    if (sdp) out += "Content-Type: application/sdp\r\n";
    say(out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body));
}

// A request in the dialog of what was seen. `ours_is_to`: we were called.
std::string HostileAgent::in_dialog(const load::Scan& seen, std::string_view method, std::uint32_t cseq,
                                    bool ours_is_to) {
    const auto uri = seen.contact.empty() ? "sip:" + gate_host_ : std::string(seen.contact);
    const auto branch = "z9hG4bKm" + std::to_string(random_.next_u64());
    std::string out = std::string(method) + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP " + host_ +
                      ":5060;rport;branch=" + branch + "\r\nMax-Forwards: 70\r\nFrom: ";
    out.append(ours_is_to ? seen.to : seen.from).append("\r\nTo: ").append(ours_is_to ? seen.from : seen.to);
    out.append("\r\nCall-ID: ")
        .append(seen.call_id)
        .append("\r\nCSeq: ")
        .append(std::to_string(cseq))
        .append(" ")
        .append(method);
    out.append("\r\nContact: <").append(contact_).append(">\r\n");
    const auto body = method == "INVITE" || method == "UPDATE" ? description(host_, random_) : std::string();
    if (!body.empty()) out += "Content-Type: application/sdp\r\n";
    return out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

}  // namespace sallyport::mutate
