#pragma once
// Where transactions live: slots that never move (timers link into them), are used again with their buffers,
// and are found by a keyed hash. Private to the transaction layer.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/response_template.h"
#include "controlplane/transaction/client_machine.h"
#include "controlplane/transaction/send_queue.h"
#include "controlplane/transaction/server_machine.h"
#include "controlplane/transaction/transaction_layer.h"
#include "platform/base/buffer.h"
#include "platform/base/timer_wheel.h"

namespace sallyport::transaction {

// A buffer that goes back to its slot keeps its memory up to this size, an ordinary INVITE's. No account holds what is
// kept; with four buffers a slot it is no more than TransactionSettings::mean_transaction_bytes.
constexpr std::size_t kKeepCapacity = 2048;

// Chained hash over slot numbers. The keys are the slots' own; the caller compares them. Hashes come from
// SipHash, so that a peer cannot aim at one chain.
class HashIndex {
public:
    explicit HashIndex(std::size_t expected) {
        std::size_t n = 64;
        while (n < expected) n *= 2;
        heads_.assign(n, kNone);
    }
    void insert(std::uint32_t slot, std::uint64_t hash) {
        if (slot >= links_.size()) links_.resize(slot + 1U);
        auto& head = heads_[hash & (heads_.size() - 1)];
        links_[slot] = {hash, head, true};
        head = slot;
    }
    void erase(std::uint32_t slot) {
        if (slot >= links_.size() || !links_[slot].linked) return;
        auto* at = &heads_[links_[slot].hash & (heads_.size() - 1)];
        while (*at != slot) at = &links_[*at].next;
        *at = links_[slot].next;
        links_[slot].linked = false;
    }
    static constexpr std::uint32_t kNone = UINT32_MAX;
    template <typename Matches>
    std::uint32_t find(std::uint64_t hash, const Matches& matches) const {
        for (auto slot = heads_[hash & (heads_.size() - 1)]; slot != kNone; slot = links_[slot].next)
            if (links_[slot].hash == hash && matches(slot)) return slot;
        return kNone;
    }

private:
    struct Link {
        std::uint64_t hash = 0;
        std::uint32_t next = kNone;
        bool linked = false;
    };
    std::vector<std::uint32_t> heads_;
    std::vector<Link> links_;
};

// Slots in buckets by what they wait for. In and out in one step, wherever a slot stands: a bucket may hold them all.
class Waiters {
public:
    void insert(std::uint32_t slot, std::uint64_t hash) {
        if (slot >= links_.size()) links_.resize(slot + 1U);
        const auto bucket = static_cast<std::uint32_t>(hash % kBuckets);
        auto& head = heads_[bucket];
        if (head != kNone) links_[head].before = slot;
        links_[slot] = {kNone, head, bucket, true};
        head = slot;
    }
    void erase(std::uint32_t slot) {
        if (!contains(slot)) return;
        const auto link = links_[slot];
        (link.before == kNone ? heads_[link.bucket] : links_[link.before].after) = link.after;
        if (link.after != kNone) links_[link.after].before = link.before;
        links_[slot].linked = false;
    }
    bool contains(std::uint32_t slot) const { return slot < links_.size() && links_[slot].linked; }
    // All of the bucket of `hash`: others may be among them. `visit` changes nothing here.
    template <typename Visit>
    void visit(std::uint64_t hash, const Visit& visit) const {
        for (auto slot = heads_[hash % kBuckets]; slot != kNone; slot = links_[slot].after) visit(slot);
    }

private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    static constexpr std::size_t kBuckets = 1024;
    struct Link {
        std::uint32_t before = kNone;
        std::uint32_t after = kNone;
        std::uint32_t bucket = 0;
        bool linked = false;
    };
    std::vector<std::uint32_t> heads_ = std::vector<std::uint32_t>(kBuckets, kNone);
    std::vector<Link> links_;
};

template <typename T>
class Slots {
public:
    explicit Slots(std::size_t max) : max_(max) {}
    // nullptr when all are taken.
    T* take() {
        if (!free_.empty()) {
            auto& slot = slots_[free_.back()];
            free_.pop_back();
            return &slot;
        }
        if (slots_.size() >= max_) return nullptr;
        auto& slot = slots_.emplace_back();
        slot.index = static_cast<std::uint32_t>(slots_.size() - 1);
        slot.generation = 1;
        return &slot;
    }
    void give_back(T& slot) {
        if (++slot.generation == 0) slot.generation = 1;  // 0 is nobody's
        free_.push_back(slot.index);
    }
    T* find(std::uint32_t index, std::uint32_t generation) {
        return index < slots_.size() && slots_[index].generation == generation ? &slots_[index] : nullptr;
    }
    T& at(std::uint32_t index) { return slots_[index]; }
    std::size_t capacity() const { return slots_.size(); }
    std::size_t used() const { return slots_.size() - free_.size(); }

private:
    std::deque<T> slots_;
    std::vector<std::uint32_t> free_;
    std::size_t max_;
};

// INVITEs that were refused without a transaction: one that comes again is refused again, for its sender may have given
// up by then and would not hear of a call. A cache of hashes: a place is overwritten when another needs it, some
// seconds later at ten thousand refusals a second.
class Refused {
public:
    void add(std::uint64_t hash) { places_[hash % places_.size()] = hash; }
    bool has(std::uint64_t hash) const { return places_[hash % places_.size()] == hash; }

private:
    std::vector<std::uint64_t> places_ = std::vector<std::uint64_t>(std::size_t{1} << 16);
};

// Transactions that are over and wait for their end, in the order in which they came here, which is nearly that in
// which they end. What has ended meanwhile is passed over.
template <typename T>
class Lingering {
public:
    explicit Lingering(std::size_t most) : most_(most) {}
    void add(const T& slot) { queue_.push_back({slot.index, slot.generation}); }
    // The oldest above the bound, or nullptr.
    T* surplus(Slots<T>& slots) {
        while (!queue_.empty()) {
            T* oldest = slots.find(queue_.front().index, queue_.front().generation);
            if (oldest && queue_.size() <= most_) return nullptr;
            queue_.pop_front();
            if (oldest) return oldest;
        }
        return nullptr;
    }

private:
    struct Name {
        std::uint32_t index;
        std::uint32_t generation;
    };
    std::deque<Name> queue_;
    std::size_t most_;
};

struct TransactionLayer::Client {
    TransactionLayer* layer = nullptr;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    ClientMachine machine;
    Timer retransmit;
    Timer end;
    Path to;
    std::uint64_t context = 0;
    std::string key;      // branch, method
    std::string request;  // as sent
    std::string extra;    // header lines for the CANCEL that waits for a provisional response
    bool ours = false;    // a CANCEL of the layer's: the TU does not know it
    bool cancelled = false;
    bool cancel_sent = false;
    std::size_t accounted = 0;  // in Tables::client_bytes

    // For its first response, or for the final one of a request that is no INVITE: what an ICMP error ends.
    bool waiting() const {
        const auto state = machine.state();
        return state == ClientState::kCalling || state == ClientState::kTrying ||
               (state == ClientState::kProceeding && !machine.invite());
    }
    std::size_t size() const { return key.size() + request.size(); }
    ClientId id() const { return {index, generation}; }
    std::uint64_t owner() const { return std::uint64_t{generation} << 32 | std::uint64_t{index} << 1; }
    void on_retransmit(Instant now) { layer->run(now, *this, machine.on(ClientEvent::kRetransmitTimer), to, nullptr); }
    void on_end(Instant now) { layer->run(now, *this, machine.on(ClientEvent::kEndTimer), to, nullptr); }
};

struct TransactionLayer::Server {
    TransactionLayer* layer = nullptr;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    ServerMachine machine;
    Timer retransmit;
    Timer end;
    Path to;  // of the response
    std::uint64_t context = 0;
    std::string key;        // branch, sent-by, listener, method
    std::string merge_key;  // "" when the request was within a dialog
    std::string response;   // the last
    std::string to_tag;     // that responses carry; "" as long as none did
    sip::ResponseTemplate head;
    bool ours = false;          // of a CANCEL: the TU does not know it
    std::size_t accounted = 0;  // in Tables::server_bytes

    std::size_t size() const { return key.size() + merge_key.size() + head.size() + response.size(); }
    ServerId id() const { return {index, generation}; }
    std::uint64_t owner() const { return std::uint64_t{generation} << 32 | std::uint64_t{index} << 1 | 1; }
    void on_retransmit(Instant now) { layer->run(now, *this, machine.on(ServerEvent::kRetransmitTimer), to, nullptr); }
    void on_end(Instant now) { layer->run(now, *this, machine.on(ServerEvent::kEndTimer), to, nullptr); }
};

struct TransactionLayer::Tables {
    explicit Tables(const TransactionSettings& s)
        : clients(s.max_client_transactions),
          servers(s.max_server_transactions),
          lingering_clients(s.max_lingering_client_transactions),
          lingering_servers(s.max_lingering_server_transactions),
          client_keys(s.max_client_transactions),
          server_keys(s.max_server_transactions),
          merge_keys(s.max_server_transactions) {}
    Slots<Client> clients;
    Slots<Server> servers;
    Lingering<Client> lingering_clients;
    Lingering<Server> lingering_servers;
    Refused refused;
    HashIndex client_keys;
    HashIndex server_keys;
    HashIndex merge_keys;
    Waiters client_peers;          // those that wait, by where their request went
    std::size_t client_bytes = 0;  // what the texts of all take
    std::size_t server_bytes = 0;

    void account(Client& client) {
        client_bytes += client.size() - client.accounted;
        client.accounted = client.size();
    }
    void account(Server& server) {
        server_bytes += server.size() - server.accounted;
        server.accounted = server.size();
    }
    void unlink(const Server& server) {
        server_keys.erase(server.index);
        merge_keys.erase(server.index);
    }
};

}  // namespace sallyport::transaction
