// The server half of the transaction layer (RFC 3261 §17.2, §9.2, §8.2.2.2).
#include <array>
#include <charconv>

#include "controlplane/transaction/tables.h"

namespace sallyport::transaction {
namespace {

using sip::Method;

constexpr std::uint16_t kDefaultPort = 5060;

void append_decimal(std::string& out, std::uint32_t n) {
    std::array<char, 10> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    out.append(digits.data(), end);
}

std::size_t kept_size(const sip::Message& request) {
    using sip::HeaderId;
    auto sum = request.request_uri().size();
    for (const auto id : {HeaderId::kVia, HeaderId::kFrom, HeaderId::kTo, HeaderId::kCallId, HeaderId::kCSeq,
                          HeaderId::kRecordRoute, HeaderId::kTimestamp}) {
        for (const auto* field = request.find(id); field; field = request.next(*field)) sum += field->line.size();
    }
    return sum;
}

// 0 when it is no status line.
unsigned status_of(std::string_view bytes) {
    if (!bytes.starts_with("SIP/2.0 ")) return 0;
    return sip::parse_number(bytes.substr(8, 3), 699).value_or(0);
}

// Over but for what comes late. A failure to INVITE that awaits its ACK is not.
bool lingers(const ServerMachine& machine) {
    switch (machine.state()) {
        case ServerState::kAccepted:
        case ServerState::kConfirmed: return true;
        case ServerState::kCompleted: return !machine.invite();
        case ServerState::kTrying:
        case ServerState::kProceeding:
        case ServerState::kTerminated: break;
    }
    return false;
}

std::optional<ServerEvent> event_of(unsigned status) {
    if (status < 100) return std::nullopt;
    if (status < 200) return ServerEvent::kSendProvisional;
    if (status < 300) return ServerEvent::kSendSuccess;
    return status == 408 ? ServerEvent::kSendTimeout : ServerEvent::kSendFailure;
}

}  // namespace

bool TransactionLayer::oversized(const sip::Message& request) {
    if (kept_size(request) <= kMaxKept) return false;
    ++counters_.oversized_requests;
    return true;
}

// RFC 3261 §17.2.3. `method` is INVITE for an ACK, and for what a CANCEL looks for. Two listeners are two
// places: what arrives on one is no retransmission of what arrived on the other.
Hash128 TransactionLayer::server_key(const Path& from, const sip::Message& request, std::string_view method) {
    const auto& via = request.top_via();
    auto& key = scratch_key_;
    key.clear();
    append_decimal(key, from.sip_interface);
    key += '\n';
    if (via.has_magic_branch()) {
        key += via.branch;
        key += '\n';
        for (const char c : via.sent_by.host) key += sip::lower(c);
        key += '\n';
        append_decimal(key, via.sent_by.port != 0 ? via.sent_by.port : kDefaultPort);
    } else {
        // A client of RFC 2543. Its To tag is left out: that of the ACK is not that of the INVITE.
        for (const auto part : {request.request_uri(), request.call_id(), request.from_tag(), via.raw}) {
            key += part;
            key += '\n';
        }
        append_decimal(key, request.cseq().number);
    }
    key += '\n';
    key += method;
    return hash_of(key);
}

// RFC 3261 §8.2.2.2
Hash128 TransactionLayer::merge_key(const sip::Message& request) {
    auto& key = scratch_key_;
    key.clear();
    for (const auto part : {request.call_id(), request.from_tag(), request.cseq().method_text, request.request_uri()}) {
        key += part;
        key += '\n';
    }
    append_decimal(key, request.cseq().number);
    return hash_of(key);
}

TransactionLayer::Server* TransactionLayer::find_server(const Hash128& key) const {
    return tables_->server_keys.find(key);
}

void TransactionLayer::refuse(const Path& from, const sip::Message& request, std::uint32_t retry_after_s) {
    if (request.method() == Method::kInvite) tables_->refused.add(server_key(from, request, request.method_text()));
    std::string seconds;
    append_decimal(seconds, retry_after_s);
    reject(from, request, 503, "Service Unavailable", std::array{sip::ExtraHeader{"Retry-After", seconds}});
}

bool TransactionLayer::knows(const Path& from, const sip::Message& request) {
    return find_server(server_key(from, request, request.method_text())) != nullptr;
}

void TransactionLayer::on_request(Instant now, const Path& from, const sip::Message& request, TimerSet set) {
    const auto key = server_key(from, request, request.method_text());
    if (auto* server = find_server(key)) {
        ++counters_.request_retransmissions_received;
        run(now, *server, server->machine.on(ServerEvent::kRequest), from, nullptr);
        return;
    }
    std::optional<Hash128> merged;
    if (request.to_tag().empty()) {
        merged = merge_key(request);
        if (tables_->merge_keys.find(*merged)) {
            ++counters_.merged_requests;
            reject(from, request, 482, "Loop Detected");
            return;
        }
    }
    if (request.method() == Method::kInvite && tables_->refused.has(key)) {
        ++counters_.refused_again;
        return refuse(from, request, settings_.retry_after_s);
    }
    auto* server = start_server(from, request, timers(set), key);
    if (!server) {
        ++counters_.server_table_full;
        refuse(from, request, settings_.retry_after_s);
        return;
    }
    if (merged) tables_->merge_keys.insert(*server, *merged);
    const auto id = server->id();
    run(now, *server, server->machine.start(), from, nullptr);
    user_.on_request(now, id, from, request);
}

TransactionLayer::Server* TransactionLayer::start_server(const Path& from, const sip::Message& request,
                                                         const MachineTimers& timers, const Hash128& key) {
    if (tables_->server_bytes > settings_.max_server_transactions * settings_.mean_transaction_bytes) return nullptr;
    auto* server = tables_->servers.take();
    if (!server) return nullptr;
    server->layer = this;
    server->machine = ServerMachine(request.method() == Method::kInvite, is_stream(from.transport), timers);
    server->to = response_path(from, request);
    server->context = 0;
    server->to_tag.clear();
    server->head.assign(request, from.remote);
    server->ours = request.method() == Method::kCancel;
    tables_->server_keys.insert(*server, key);
    tables_->account(*server);
    return server;
}

void TransactionLayer::on_ack(Instant now, const Path& from, const sip::Message& ack) {
    if (auto* server = find_server(server_key(from, ack, sip::method_name(Method::kInvite)))) {
        run(now, *server, server->machine.on(ServerEvent::kAck), from, &ack);
        return;
    }
    const auto tag = stateless_tag(ack);
    if (ack.to_tag() == std::string_view(tag.data(), tag.size())) {
        ++counters_.stray_acks;
        return;
    }
    user_.on_ack(now, from, ack);
}

// RFC 3261 §9.2
void TransactionLayer::on_cancel(Instant now, const Path& from, const sip::Message& cancel, TimerSet set) {
    const auto key = server_key(from, cancel, sip::method_name(Method::kCancel));
    if (auto* again = find_server(key)) {
        ++counters_.request_retransmissions_received;
        run(now, *again, again->machine.on(ServerEvent::kRequest), from, nullptr);
        return;
    }
    auto* invite = find_server(server_key(from, cancel, sip::method_name(Method::kInvite)));
    if (!invite) {
        ++counters_.unmatched_cancels;
        reject(from, cancel, 481, "Call/Transaction Does Not Exist");
        return;
    }
    const auto invite_id = invite->id();
    const auto fallback = stateless_tag(cancel);
    const auto tag = invite->to_tag.empty() ? std::string(fallback.data(), fallback.size()) : invite->to_tag;

    if (auto* server = start_server(from, cancel, timers(set), key)) {
        run(now, *server, server->machine.start(), from, nullptr);
        server->head.begin(scratch_writer_, 200, "OK", tag);
        respond(now, server->id(), scratch_writer_.finish());
    } else {
        // No room to remember it: its retransmission is answered in the same way.
        ++counters_.server_table_full;
        scratch_template_.assign(cancel, from.remote);
        scratch_template_.begin(scratch_writer_, 200, "OK", tag);
        out_.push(response_path(from, cancel), scratch_writer_.finish());
    }
    if (invite->machine.state() == ServerState::kProceeding) user_.on_cancel(now, invite_id, from, cancel);
}

bool TransactionLayer::begin_response(ServerId id, sip::MessageWriter& writer, unsigned status, std::string_view reason,
                                      std::string_view to_tag) {
    auto* server = find(id);
    if (!server || server->head.size() == 0) return false;
    server->head.begin(writer, status, reason, to_tag);
    if (server->to_tag.empty()) set_to_tag(id, to_tag);
    return true;
}

void TransactionLayer::set_to_tag(ServerId id, std::string_view tag) {
    if (auto* server = find(id)) server->to_tag.assign(tag);
}

bool TransactionLayer::respond(Instant now, ServerId id, std::string_view bytes) {
    auto* server = find(id);
    const auto event = event_of(status_of(bytes));
    if (!server || !event) return false;
    const bool repeated = server->machine.state() == ServerState::kAccepted;
    const auto step = server->machine.on(*event);
    if (step.accepted) {
        ++(repeated ? counters_.retransmissions_sent : counters_.responses_sent);
        if (step.send) out_.push(server->to, bytes, server->owner());
        // A 2xx to an INVITE is repeated by the TU (RFC 6026 §7.1), which may make it anew.
        if (server->machine.state() == ServerState::kAccepted)
            clear_buffer(server->response, 0);
        else
            server->response.assign(bytes);
        tables_->account(*server);
        // A failed attempt does not stand in the way of the next one (RFC 3263 §4.3: same request, new branch).
        if (*event == ServerEvent::kSendFailure || *event == ServerEvent::kSendTimeout)
            tables_->merge_keys.erase(*server);
    }
    run(now, *server, step, server->to, nullptr);
    return step.accepted;
}

void TransactionLayer::run(Instant now, Server& server, const ServerStep& step, const Path& from,
                           const sip::Message* ack) {
    const auto id = server.id();
    if (step.stop_timers) {
        server.retransmit.cancel();
        server.end.cancel();
    }
    if (step.send && !step.accepted && !server.response.empty()) {
        ++counters_.retransmissions_sent;
        out_.push(server.to, server.response, server.owner());
    }
    if (server.machine.state() == ServerState::kCompleted) {  // no other response is made any more
        server.head.clear();
        tables_->account(server);
    }
    if (step.retransmit) wheel_.arm<&Server::on_retransmit>(server.retransmit, now + *step.retransmit, &server);
    if (step.end && lingers(server.machine)) {
        server.end.cancel();
        tables_->lingering_servers.add(wheel_, now, *step.end, server);
    } else if (step.end) {
        wheel_.arm<&Server::on_end>(server.end, now + *step.end, &server);
    }

    if (step.pass) user_.on_ack(now, from, *ack);
    if (!step.terminated || find(id) != &server) return;

    if (step.failure == ServerFailure::kNoAck) ++counters_.acks_missing;
    if (step.failure == ServerFailure::kUnanswered) ++counters_.unanswered;
    tables_->unlink(server);
    if (!server.ours) {
        if (step.failure)
            user_.on_server_failure(now, id, *step.failure);
        else
            user_.on_server_terminated(now, id);
    }
    if (find(id) == &server) end(server);
}

void TransactionLayer::rest(ServerId id) {
    auto* server = find(id);
    if (!server) return;
    server->head.clear();
    tables_->account(*server);
}

void TransactionLayer::forget(ServerId id) {
    auto* server = find(id);
    if (!server) return;
    tables_->unlink(*server);
    end(*server);
}

void TransactionLayer::end(Server& server) {
    server.retransmit.cancel();
    server.end.cancel();
    tables_->lingering_servers.end(server);
    server.machine = {};
    clear_buffer(server.response, kKeepCapacity);
    server.head.clear();
    tables_->account(server);
    tables_->servers.give_back(server);
}

}  // namespace sallyport::transaction
