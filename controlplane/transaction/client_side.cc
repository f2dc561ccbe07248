// The client half of the transaction layer (RFC 3261 §17.1, §9.1).
#include <algorithm>
#include <array>
#include <charconv>

#include "controlplane/transaction/tables.h"

namespace sallyport::transaction {
namespace {

using sip::HeaderId;
using sip::Method;

ClientEvent event_of(unsigned status) {
    if (status < 200) return ClientEvent::kProvisional;
    return status < 300 ? ClientEvent::kSuccess : ClientEvent::kFailure;
}

constexpr std::size_t kMaxResting = 1024;

// In a request that the message writer has made.
void set_via(std::string& request, Transport from, Transport to) {
    const auto via = "\r\nVia: " + std::string(via_protocol(from)) + ' ';
    if (const auto at = request.find(via); at != std::string::npos)
        request.replace(at + via.size() - 1 - via_protocol(from).size(), via_protocol(from).size(), via_protocol(to));
}

struct Own {
    std::string_view method;
    std::string_view branch;
};

// Of a request that the message writer has made: its fields are well-formed, one a line. "" for what is not there.
Own read_own(std::string_view bytes) {
    Own out;
    const auto line = bytes.substr(0, bytes.find("\r\n"));
    if (!line.ends_with(" SIP/2.0")) return out;
    out.method = line.substr(0, line.find(' '));
    for (bytes.remove_prefix(line.size()); bytes.starts_with("\r\n") && bytes.size() > 2;) {
        bytes.remove_prefix(2);
        const auto field = bytes.substr(0, bytes.find("\r\n"));
        const auto colon = std::min(field.find(':'), field.size());
        if (sip::header_id(sip::trim(field.substr(0, colon))) == HeaderId::kVia) {
            if (const auto via = sip::parse_via(*sip::CommaList(field.substr(colon + 1)).begin());
                via && via->has_magic_branch())
                out.branch = via->branch;
            return out;
        }
        bytes.remove_prefix(field.size());
    }
    return out;
}

}  // namespace

// RFC 3261 §17.1.3: the branch of the top Via and the method of CSeq.
Hash128 TransactionLayer::client_key(std::string_view branch, std::string_view method) {
    scratch_key_.assign(branch);
    scratch_key_ += '\n';
    scratch_key_ += method;
    return hash_of(scratch_key_);
}

std::optional<ClientId> TransactionLayer::send_request(Instant now, const Path& to, std::string_view bytes,
                                                       std::uint64_t context, TimerSet set) {
    const auto own = read_own(bytes);
    const auto method = sip::method_of(own.method);
    if (own.branch.empty() || method == Method::kAck || method == Method::kCancel) return std::nullopt;
    const auto key = client_key(own.branch, own.method);
    auto way = to;
    const bool tcp = wants_tcp(now, to, bytes.size());
    if (tcp) {
        ++counters_.too_large_for_udp;
        way.transport = Transport::kTcp;
        scratch_request_.assign(bytes);
        set_via(scratch_request_, to.transport, way.transport);
        bytes = scratch_request_;
    }
    auto* client = start_client(way, bytes, method == Method::kInvite, timers(set), key);
    if (!client) return std::nullopt;
    client->or_udp = tcp;
    client->context = context;
    const auto id = client->id();
    run(now, *client, client->machine.start(), way, nullptr);
    return id;
}

bool TransactionLayer::wants_tcp(Instant now, const Path& to, std::size_t size) const {
    if (to.transport != Transport::kUdp || size <= kLargestDatagram) return false;
    if (to.sip_interface >= settings_.has_tcp.size() || !settings_.has_tcp[to.sip_interface]) return false;
    const auto rests = tables_->no_tcp.find(to.remote);
    return rests == tables_->no_tcp.end() || rests->second <= now;
}

// RFC 3261 §18.1.1.
void TransactionLayer::back_to_udp(Instant now, Client& client) {
    ++counters_.back_to_udp;
    if (tables_->no_tcp.size() >= kMaxResting) tables_->no_tcp.clear();
    tables_->no_tcp[client.to.remote] = now + kTcpRests;
    set_via(client.request, client.to.transport, Transport::kUdp);
    client.retransmit.cancel();
    client.end.cancel();
    tables_->client_peers.erase(client);
    client.or_udp = false;
    client.to.transport = Transport::kUdp;
    client.to.connection = 0;
    client.machine = ClientMachine(client.machine.invite(), false, client.machine.timers());
    run(now, client, client.machine.start(), client.to, nullptr);
}

TransactionLayer::Client* TransactionLayer::start_client(const Path& to, std::string_view bytes, bool invite,
                                                         const MachineTimers& timers, const Hash128& key) {
    const bool room = tables_->client_bytes <= settings_.max_client_transactions * settings_.mean_transaction_bytes;
    auto* client = room ? tables_->clients.take() : nullptr;
    if (!client) {
        ++counters_.client_table_full;
        return nullptr;
    }
    client->layer = this;
    client->machine = ClientMachine(invite, is_stream(to.transport), timers);
    client->to = to;
    client->sent_anew = client->or_udp = false;
    client->context = 0;
    client->request.assign(bytes);
    tables_->account(*client);
    client->ours = client->cancelled = client->cancel_sent = false;
    tables_->client_keys.insert(*client, key);
    ++counters_.requests_sent;
    return client;
}

void TransactionLayer::on_response(Instant now, const Path& from, const sip::Message& response) {
    // RFC 3261 §8.1.3.3: more than one Via is not for a UAC.
    auto via = response.values(HeaderId::kVia).begin();
    ++via;
    auto* found = tables_->client_keys.find(client_key(response.top_via().branch, response.cseq().method_text));
    if (via != std::default_sentinel || found == nullptr || found->to.sip_interface != from.sip_interface) {
        ++counters_.stray_responses;
        return;
    }
    auto& client = *found;
    // Who has overheard a branch may not answer in the place of another: a response comes from the address to which its
    // request went, or by its stream.
    const bool by_stream = from.connection != 0 && from.connection == client.to.connection;
    if (!by_stream && from.remote.address != client.to.remote.address) {
        ++counters_.foreign_responses;
        return;
    }
    run(now, client, client.machine.on(event_of(response.status())), from, &response);
}

void TransactionLayer::run(Instant now, Client& client, const ClientStep& step, const Path& from,
                           const sip::Message* response) {
    const auto id = client.id();
    note_waiting(client);
    if (step.stop_timers) {
        client.retransmit.cancel();
        client.end.cancel();
    }
    if (step.send) {
        // Only the start sends without a response and without a timer armed.
        if (client.end.armed()) ++counters_.retransmissions_sent;
        out_.push(client.to, client.request, client.owner());
    }
    if (step.ack) send_ack(client, *response);
    // After a 2xx, or the final response to a non-INVITE, nothing is made from the request any more; what lingers to
    // absorb repetitions (RFC 3261 §17.1.2.2, RFC 6026 §8.4) does without it.
    const auto state = client.machine.state();
    if (!client.request.empty() &&
        (state == ClientState::kAccepted || (state == ClientState::kCompleted && !client.machine.invite()))) {
        clear_buffer(client.request, 0);
        tables_->account(client);
    }
    if (step.retransmit) wheel_.arm<&Client::on_retransmit>(client.retransmit, now + *step.retransmit, &client);
    if (step.end && (state == ClientState::kCompleted || state == ClientState::kAccepted))
        tables_->lingering_clients.add(wheel_, now, *step.end, client);
    else if (step.end)
        wheel_.arm<&Client::on_end>(client.end, now + *step.end, &client);

    if (step.pass && !client.ours) user_.on_response(now, id, from, *response);
    if (find(id) != &client) return;  // the TU forgot it
    if (client.cancelled && !client.cancel_sent && client.machine.state() == ClientState::kProceeding)
        send_cancel(now, client);
    if (!step.terminated) return;

    if (step.failure == ClientFailure::kTimeout) ++counters_.timeouts;
    // From here on no message finds it, but the TU can still ask for its context.
    tables_->client_keys.erase(client);
    if (!client.ours) {
        if (step.failure)
            user_.on_client_failure(now, id, *step.failure);
        else
            user_.on_client_terminated(now, id);
    }
    if (find(id) == &client) end(client);
}

void TransactionLayer::end(Client& client) {
    client.retransmit.cancel();
    client.end.cancel();
    tables_->client_keys.erase(client);
    tables_->client_peers.erase(client);
    tables_->lingering_clients.end(client);
    client.machine = {};
    clear_buffer(client.request, kKeepCapacity);
    clear_buffer(client.extra, kKeepCapacity);
    tables_->account(client);
    tables_->clients.give_back(client);
}

// RFC 3261 §17.1.1.3: all of the INVITE's, but the To of the response.
void TransactionLayer::send_ack(Client& client, const sip::Message& response) {
    if (!scratch_message_.parse(client.request)) return;
    const auto& invite = scratch_message_;
    auto& w = scratch_writer_;
    w.request("ACK", invite.request_uri());
    w.header(HeaderId::kVia, invite.top_via().raw);
    w.copy_all(invite, HeaderId::kRoute);
    w.number("Max-Forwards", 70);
    w.copy_all(invite, HeaderId::kFrom);
    w.copy_all(response, HeaderId::kTo);
    w.copy_all(invite, HeaderId::kCallId);
    std::array<char, 10> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), invite.cseq().number).ptr;
    w.header(HeaderId::kCSeq, {std::string_view(digits.data(), end), " ACK"});
    out_.push(client.to, w.finish(), client.owner());
}

bool TransactionLayer::cancel(Instant now, ClientId id, std::span<const sip::ExtraHeader> extra) {
    auto* client = find(id);
    if (!client || !client->machine.invite() || client->cancelled) return false;
    const auto state = client->machine.state();
    if (state != ClientState::kCalling && state != ClientState::kProceeding) return false;
    client->cancelled = true;
    // Kept as lines that a writer has made: what could break out of its line is not among them.
    scratch_writer_.request("CANCEL", "sip:none");
    for (const auto& h : extra) scratch_writer_.header(h.name, h.value);
    if (!scratch_writer_.failed()) client->extra.assign(scratch_writer_.lines());
    // RFC 3261 §9.1: not before a provisional response, else it could overtake the INVITE.
    if (state == ClientState::kProceeding) send_cancel(now, *client);
    return true;
}

void TransactionLayer::send_cancel(Instant now, Client& invite_client) {
    invite_client.cancel_sent = true;
    run(now, invite_client, invite_client.machine.on(ClientEvent::kCancelSent), invite_client.to, nullptr);
    if (!scratch_message_.parse(invite_client.request)) return;
    const auto& invite = scratch_message_;
    auto& w = scratch_writer_;
    w.request("CANCEL", invite.request_uri());
    w.header(HeaderId::kVia, invite.top_via().raw);
    w.copy_all(invite, HeaderId::kRoute);
    w.number("Max-Forwards", 70);
    w.copy_all(invite, HeaderId::kFrom);
    w.copy_all(invite, HeaderId::kTo);
    w.copy_all(invite, HeaderId::kCallId);
    std::array<char, 10> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), invite.cseq().number).ptr;
    w.header(HeaderId::kCSeq, {std::string_view(digits.data(), end), " CANCEL"});
    w.copy_lines(invite_client.extra);
    const auto made = w.finish();
    const auto bytes = invite_client.ours ? made : user_.on_cancel_made(invite_client.id(), made);

    const auto key = client_key(invite.top_via().branch, sip::method_name(Method::kCancel));
    auto* client = start_client(invite_client.to, bytes, false, invite_client.machine.timers(), key);
    if (!client) {
        // No room to repeat it; the INVITE ends by its own timer if this one is lost.
        out_.push(invite_client.to, bytes);
        return;
    }
    client->ours = true;
    run(now, *client, client->machine.start(), client->to, nullptr);
}

bool TransactionLayer::cancel_inherited(Instant now, const Path& to, std::string_view cancel, TimerSet set) {
    const auto parsed = scratch_message_.parse(cancel);
    const auto& m = scratch_message_;
    if (!parsed || !m.is_request() || m.method() != Method::kCancel || !m.top_via().has_magic_branch()) return false;
    // The INVITE as far as its CANCEL and its ACK are made from it (RFC 3261 §9.1, §17.1.1.3).
    auto& w = scratch_writer_;
    w.request("INVITE", m.request_uri());
    w.header(HeaderId::kVia, m.top_via().raw);
    w.copy_all(m, HeaderId::kRoute);
    w.number("Max-Forwards", 70);
    w.copy_all(m, HeaderId::kFrom);
    w.copy_all(m, HeaderId::kTo);
    w.copy_all(m, HeaderId::kCallId);
    std::array<char, 10> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), m.cseq().number).ptr;
    w.header(HeaderId::kCSeq, {std::string_view(digits.data(), end), " INVITE"});
    const auto bytes = w.finish();
    const auto key = client_key(m.top_via().branch, sip::method_name(Method::kInvite));
    auto* client = start_client(to, bytes, true, timers(set), key);
    if (!client) return false;
    --counters_.requests_sent;  // by the process before us
    client->ours = client->cancelled = true;
    w.request("CANCEL", "sip:none");
    w.copy_all(m, HeaderId::kUserAgent);
    if (!w.failed()) client->extra.assign(w.lines());
    // It had a provisional response, or the CANCEL finds nothing: either way no timer of Calling runs any more.
    client->machine.on(ClientEvent::kProvisional);
    send_cancel(now, *client);
    return true;
}

void TransactionLayer::forget(ClientId id) {
    if (auto* client = find(id)) end(*client);
}

}  // namespace sallyport::transaction
