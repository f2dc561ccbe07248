// What both sides share: construction, dispatch, strays and stateless answers. See client_side.cc, server_side.cc.
#include "controlplane/transaction/transaction_layer.h"

#include <cstring>

#include "controlplane/transaction/tables.h"

namespace sallyport::transaction {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void write_hex(char* out, std::uint64_t value, std::size_t digits) {
    for (std::size_t i = digits; i-- > 0; value >>= 4) out[i] = kHexDigits[value & 15];
}

}  // namespace

TransactionLayer::TransactionLayer(const TransactionSettings& settings, TimerWheel& wheel, RandomSource& random,
                                   SendQueue& out, TransactionUser& user)
    : settings_(settings),
      timers_{settings.t1, settings.t2, settings.t4},
      wheel_(wheel),
      random_(random),
      out_(out),
      user_(user),
      hash_key_{random.next_u64(), random.next_u64()},
      tables_(std::make_unique<Tables>(settings)) {}

TransactionLayer::~TransactionLayer() = default;

void TransactionLayer::on_message(Instant now, const Path& from, const sip::Message& message) {
    if (message.is_response()) {
        ++counters_.responses_received;
        on_response(now, from, message);
        return;
    }
    ++counters_.requests_received;
    if (oversized(message)) return;
    switch (message.method()) {
        case sip::Method::kAck: on_ack(now, from, message); break;
        case sip::Method::kCancel: on_cancel(now, from, message); break;
        default: on_request(now, from, message); break;
    }
}

void TransactionLayer::on_malformed(const Path& from, const sip::Message& message, const sip::ParseError& error) {
    ++counters_.malformed;
    if (!error.answerable || oversized(message)) return;
    begin_stateless(from, message, error.status, error.reason);
    if (out_.push({from.sip_interface, sip::response_target(message.top_via(), from.remote)}, scratch_writer_.finish()))
        ++counters_.responses_sent;
}

void TransactionLayer::reject(const Path& from, const sip::Message& request, unsigned status, std::string_view reason,
                              std::span<const sip::ExtraHeader> extra) {
    if (!request.is_request() || request.method() == sip::Method::kAck || oversized(request)) return;
    begin_stateless(from, request, status, reason);
    for (const auto& h : extra) scratch_writer_.header(h.name, h.value);
    if (out_.push({from.sip_interface, sip::response_target(request.top_via(), from.remote)}, scratch_writer_.finish()))
        ++counters_.responses_sent;
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
    const auto generation = static_cast<std::uint32_t>(entry.owner >> 32);
    const auto index = static_cast<std::uint32_t>(entry.owner & UINT32_MAX) >> 1;
    if (generation == 0) return;
    if ((entry.owner & 1) == 0) {
        if (auto* client = tables_->clients.find(index, generation)) {
            ++counters_.transport_errors;
            run(now, *client, client->machine.on(ClientEvent::kTransportError), client->to, nullptr);
        }
    } else if (auto* server = tables_->servers.find(index, generation)) {
        ++counters_.transport_errors;
        run(now, *server, server->machine.on(ServerEvent::kTransportError), server->to, nullptr);
    }
}

std::uint64_t TransactionLayer::peer_hash(const Path& to) const {
    const auto& address = to.remote.address.bytes();
    const std::string_view bytes(reinterpret_cast<const char*>(address.data()), address.size());
    SipHashKey key = hash_key_;
    key.k1 ^= std::uint64_t{to.sip_interface} << 16 | to.remote.port;
    return siphash13(key, bytes);
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
        if (client.to == to) hit.push_back(client.id());
    });
    for (const auto id : hit) {
        auto* client = find(id);
        if (!client) continue;
        ++counters_.transport_errors;
        run(now, *client, client->machine.on(ClientEvent::kTransportError), to, nullptr);
    }
}

TransactionLayer::Client* TransactionLayer::find(ClientId id) const {
    return tables_->clients.find(id.index, id.generation);
}
TransactionLayer::Server* TransactionLayer::find(ServerId id) const {
    return tables_->servers.find(id.index, id.generation);
}

void TransactionLayer::trim(Instant now) {
    while (auto* client = tables_->lingering_clients.surplus(tables_->clients)) {
        ++counters_.lingering_cut;
        run(now, *client, client->machine.on(ClientEvent::kEndTimer), client->to, nullptr);
    }
    while (auto* server = tables_->lingering_servers.surplus(tables_->servers)) {
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
std::optional<Path> TransactionLayer::path(ServerId id) const {
    const auto* server = find(id);
    return server ? std::optional(server->to) : std::nullopt;
}

std::size_t TransactionLayer::client_transactions() const { return tables_->clients.used(); }
std::size_t TransactionLayer::server_transactions() const { return tables_->servers.used(); }
std::size_t TransactionLayer::text_bytes() const { return tables_->client_bytes + tables_->server_bytes; }

}  // namespace sallyport::transaction
