// What both sides share: construction, dispatch, strays and stateless answers. See client_side.cc, server_side.cc.
#include "controlplane/transaction/transaction_layer.h"

#include <cstring>

#include "controlplane/transaction/tables.h"

namespace sallyport::transaction {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// What Client::owner and Server::owner have made; generation 0 is nobody's.
struct OwnerName {
    std::uint32_t index;
    std::uint32_t generation;
    bool client;
};
OwnerName name_of(std::uint64_t owner) {
    return {static_cast<std::uint32_t>(owner & UINT32_MAX) >> 1, static_cast<std::uint32_t>(owner >> 32),
            (owner & 1) == 0};
}

void write_hex(char* out, std::uint64_t value, std::size_t digits) {
    for (std::size_t i = digits; i-- > 0; value >>= 4) out[i] = kHexDigits[value & 15];
}

}  // namespace

Path response_path(const Path& from, const sip::Message& request) {
    auto to = from;  // over a stream: the one that it came on; when that is gone, to where sent-by says
    to.remote = is_stream(from.transport) ? sip::sent_by_target(request.top_via(), from.remote, from.transport)
                                          : sip::response_target(request.top_via(), from.remote);
    return to;
}

TransactionLayer::TransactionLayer(const TransactionSettings& settings, TimerWheel& wheel, RandomSource& random,
                                   SendQueue& out, TransactionUser& user)
    : settings_(settings),
      wheel_(wheel),
      random_(random),
      out_(out),
      user_(user),
      hash_key_{random.next_u64(), random.next_u64()},
      tables_(std::make_unique<Tables>(settings)) {}

TransactionLayer::~TransactionLayer() = default;

void TransactionLayer::on_message(Instant now, const Path& from, const sip::Message& message, TimerSet timers) {
    if (message.is_response()) {
        ++counters_.responses_received;
        on_response(now, from, message);
        return;
    }
    ++counters_.requests_received;
    if (oversized(message)) return;
    switch (message.method()) {
        case sip::Method::kAck: on_ack(now, from, message); break;
        case sip::Method::kCancel: on_cancel(now, from, message, timers); break;
        default: on_request(now, from, message, timers); break;
    }
}

void TransactionLayer::on_malformed(const Path& from, const sip::Message& message, const sip::ParseError& error) {
    ++counters_.malformed;
    if (!error.answerable || oversized(message)) return;
    begin_stateless(from, message, error.status, error.reason);
    if (out_.push(response_path(from, message), scratch_writer_.finish())) ++counters_.responses_sent;
}

void TransactionLayer::reject(const Path& from, const sip::Message& request, unsigned status, std::string_view reason,
                              std::span<const sip::ExtraHeader> extra) {
    if (!request.is_request() || request.method() == sip::Method::kAck || oversized(request)) return;
    begin_stateless(from, request, status, reason);
    for (const auto& h : extra) scratch_writer_.header(h.name, h.value);
    if (out_.push(response_path(from, request), scratch_writer_.finish())) ++counters_.responses_sent;
}

void TransactionLayer::begin_stateless(const Path& from, const sip::Message& request, unsigned status,
                                       std::string_view reason) {
    const auto tag = stateless_tag(request);
    scratch_template_.assign(request, from.remote);
    scratch_template_.begin(scratch_writer_, status, reason, {tag.data(), tag.size()});
}

// The same for each retransmission and for the ACK of one request (RFC 3261 §8.2.7), and for nothing else.
std::array<char, 16> TransactionLayer::stateless_tag(const sip::Message& request) const {
    SipHashKey key = hash_key_;
    std::uint64_t hash = 0;
    for (const auto part : {request.top_via().branch, request.call_id(), request.from_tag()}) {
        hash = siphash13(key, part);
        key.k0 ^= hash;
    }
    std::array<char, 16> out;
    write_hex(out.data(), hash, out.size());
    return out;
}

Branch TransactionLayer::make_branch() {
    Branch branch;
    char* at = branch.text.data();
    std::memcpy(at, sip::Via::kMagicCookie.data(), sip::Via::kMagicCookie.size());
    at += sip::Via::kMagicCookie.size();
    write_hex(at, settings_.shard, 4);
    write_hex(at + 4, random_.next_u64(), 16);
    write_hex(at + 20, random_.next_u64(), 8);
    return branch;
}

void TransactionLayer::on_send_error(Instant now, const SendQueue::Entry& entry) {
    const auto name = name_of(entry.owner);
    if (name.client) {
        if (auto* client = tables_->clients.find(name.index, name.generation)) fail(now, *client);
    } else if (auto* server = tables_->servers.find(name.index, name.generation)) {
        fail(now, *server);
    }
}

// A stream that is gone takes what was on its way with it, and may have gone before that was written. The peer is
// reached over another one, once: a request that came there twice is absorbed by its branch.
void TransactionLayer::fail(Instant now, Client& client) {
    ++counters_.transport_errors;
    if (client.or_udp && client.waiting()) return back_to_udp(now, client);
    if (is_stream(client.to.transport) && !client.sent_anew && client.waiting() && !client.request.empty()) {
        client.sent_anew = true;
        lead(client, 0);
        ++counters_.sent_anew;
        out_.push(client.to, client.request, client.owner());
        return;
    }
    run(now, client, client.machine.on(ClientEvent::kTransportError), client.to, nullptr);
}

void TransactionLayer::on_stream(const SendQueue::Entry& entry, std::uint32_t connection) {
    const auto name = name_of(entry.owner);
    auto* client = name.client ? tables_->clients.find(name.index, name.generation) : nullptr;
    if (client) lead(*client, connection);
}

void TransactionLayer::lead(Client& client, std::uint32_t connection) {
    tables_->client_peers.erase(client);  // it stands there by its connection
    client.to.connection = connection;
    note_waiting(client);
}

void TransactionLayer::fail(Instant now, Server& server) {
    ++counters_.transport_errors;
    if (server.to.connection != 0 && !server.response.empty()) {
        server.to.connection = 0;
        ++counters_.sent_anew;
        out_.push(server.to, server.response, server.owner());
        return;
    }
    run(now, server, server.machine.on(ServerEvent::kTransportError), server.to, nullptr);
}

std::uint64_t TransactionLayer::peer_hash(const Path& to) const {
    const auto& address = to.remote.address.bytes();
    const std::string_view bytes(reinterpret_cast<const char*>(address.data()), address.size());
    SipHashKey key = hash_key_;
    key.k1 ^= std::uint64_t{to.sip_interface} << 16 | to.remote.port;
    return to.connection == 0 ? siphash13(key, bytes) : to.connection;
}

void TransactionLayer::note_waiting(Client& client) {
    if (client.waiting() == tables_->client_peers.contains(client)) return;
    if (client.waiting())
        tables_->client_peers.insert(client, peer_hash(client.to));
    else
        tables_->client_peers.erase(client);
}

void TransactionLayer::on_unreachable(Instant now, const Path& to) {
    // The events may start and end transactions: first who is meant, then the telling.
    std::vector<ClientId> hit;
    tables_->client_peers.visit(peer_hash(to), [&](const Client& client) {
        if (to.connection == 0 ? client.to == to : client.to.connection == to.connection) hit.push_back(client.id());
    });
    for (const auto id : hit) {
        if (auto* client = find(id)) fail(now, *client);
    }
}

TransactionLayer::Client* TransactionLayer::find(ClientId id) const {
    return tables_->clients.find(id.index, id.generation);
}
TransactionLayer::Server* TransactionLayer::find(ServerId id) const {
    return tables_->servers.find(id.index, id.generation);
}

void TransactionLayer::trim(Instant now) {
    while (auto* client = tables_->lingering_clients.surplus()) {
        ++counters_.lingering_cut;
        run(now, *client, client->machine.on(ClientEvent::kEndTimer), client->to, nullptr);
    }
    while (auto* server = tables_->lingering_servers.surplus()) {
        ++counters_.lingering_cut;
        run(now, *server, server->machine.on(ServerEvent::kEndTimer), server->to, nullptr);
    }
}

void TransactionLayer::set_context(ClientId id, std::uint64_t context) {
    if (auto* client = find(id)) client->context = context;
}
void TransactionLayer::set_context(ServerId id, std::uint64_t context) {
    if (auto* server = find(id)) server->context = context;
}
std::optional<std::uint64_t> TransactionLayer::context(ClientId id) const {
    const auto* client = find(id);
    return client ? std::optional(client->context) : std::nullopt;
}
std::optional<std::uint64_t> TransactionLayer::context(ServerId id) const {
    const auto* server = find(id);
    return server ? std::optional(server->context) : std::nullopt;
}
std::optional<Path> TransactionLayer::path(ClientId id) const {
    const auto* client = find(id);
    return client ? std::optional(client->to) : std::nullopt;
}
std::optional<Path> TransactionLayer::path(ServerId id) const {
    const auto* server = find(id);
    return server ? std::optional(server->to) : std::nullopt;
}

std::size_t TransactionLayer::client_transactions() const { return tables_->clients.used(); }
std::size_t TransactionLayer::server_transactions() const { return tables_->servers.used(); }
std::size_t TransactionLayer::lingering_client_transactions() const { return tables_->lingering_clients.size(); }
std::size_t TransactionLayer::lingering_server_transactions() const { return tables_->lingering_servers.size(); }
std::size_t TransactionLayer::text_bytes() const { return tables_->client_bytes + tables_->server_bytes; }

}  // namespace sallyport::transaction
