#pragma once
// Where transactions live: slots that do not move (timers link into them), are used again with their buffers,
// and are found by a keyed hash. Private to the transaction layer.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/sip/response_template.h"
#include "controlplane/transaction/client_machine.h"
#include "controlplane/transaction/send_queue.h"
#include "controlplane/transaction/server_machine.h"
#include "controlplane/transaction/transaction_layer.h"
#include "platform/base/buffer.h"
#include "platform/base/siphash.h"
#include "platform/base/timer_wheel.h"

namespace sallyport::transaction {

// A buffer that goes back to its slot keeps its memory up to this size, an ordinary INVITE's. No account holds what is
// kept; with two buffers a slot and Slots::kSpare slots it is a MiB at most.
constexpr std::size_t kKeepCapacity = 2048;

// Slots that stay where they are while they are in use (timers link into them). Those that were given back are used
// again first, buffers and all; above kSpare of them they go with their memory, so that a peak leaves little behind.
// T has `index` and `generation`; a number that was given back comes again with another generation.
template <typename T>
class Slots {
public:
    static constexpr std::size_t kSpare = 128;

    explicit Slots(std::size_t max) : max_(max) {}
    // nullptr when all are taken.
    T* take() {
        if (!spare_.empty()) {
            auto& slot = *places_[spare_.back()].slot;
            spare_.pop_back();
            ++used_;
            return &slot;
        }
        if (used_ >= max_) return nullptr;
        if (bare_.empty()) {
            bare_.push_back(static_cast<std::uint32_t>(places_.size()));
            places_.emplace_back();
        }
        auto& place = places_[bare_.back()];
        place.slot = std::make_unique<T>();
        place.slot->index = bare_.back();
        place.slot->generation = place.generation;
        bare_.pop_back();
        ++used_;
        return place.slot.get();
    }
    void give_back(T& slot) {
        if (++slot.generation == 0) slot.generation = 1;  // 0 is nobody's
        --used_;
        const auto index = slot.index;
        if (spare_.size() < kSpare) {
            spare_.push_back(index);
            return;
        }
        auto& place = places_[index];
        place.generation = slot.generation;
        place.slot.reset();
        bare_.push_back(index);
    }
    T* find(std::uint32_t index, std::uint32_t generation) {
        auto* slot = index < places_.size() ? places_[index].slot.get() : nullptr;
        return slot != nullptr && slot->generation == generation ? slot : nullptr;
    }
    // Of a number in use.
    T& at(std::uint32_t index) { return *places_[index].slot; }
    const T& at(std::uint32_t index) const { return *places_[index].slot; }
    std::size_t used() const { return used_; }
    // Of a number that may be in use: it will be wanted soon, and nobody has seen it for long.
    void prefetch(std::uint32_t index) const {
        constexpr std::size_t kCacheLine = 64;
        const auto* at = reinterpret_cast<const char*>(places_[index].slot.get());
        for (std::size_t line = 0; line < sizeof(T); line += kCacheLine) __builtin_prefetch(at + line);
    }

private:
    struct Place {
        std::unique_ptr<T> slot;
        std::uint32_t generation = 1;  // of the next, where there is no slot
    };
    std::vector<Place> places_;
    std::vector<std::uint32_t> spare_;  // slots that nobody has
    std::vector<std::uint32_t> bare_;   // numbers without a slot
    std::size_t used_ = 0;
    std::size_t max_;
};

inline constexpr std::uint32_t kNoSlot = UINT32_MAX;

struct HashLink {
    Hash128 hash;  // of the key, and in its place
    bool linked = false;
};

// Slots by the hash of their key (siphash.h: it stands for the key). `link` is the member of T that belongs to it. Open
// addressing with linear probing: a place holds as much of the hash as tells nearly every other one, so that a search
// reads one line of memory, and a slot's only when it is the right one. At most three quarters are taken; it grows at
// once, a millisecond for tens of thousands.
template <typename T, HashLink T::* link>
class HashIndex {
public:
    explicit HashIndex(Slots<T>& slots) : slots_(slots) {}
    // Of a slot that is not in it.
    void insert(T& slot, const Hash128& hash) {
        if ((linked_ + 1) * 4 > places_.size() * 3) grow();
        ++linked_;
        slot.*link = {hash, true};
        put({tag_of(hash), slot.index});
    }
    // What is not in it is left alone.
    void erase(T& slot) {
        if (!(slot.*link).linked) return;
        (slot.*link).linked = false;
        --linked_;
        auto hole = home(tag_of((slot.*link).hash));
        while (places_[hole].slot != slot.index) hole = after(hole);
        // Who stands behind, and would have stood here or before, moves up.
        for (auto at = after(hole); places_[at].slot != kNoSlot; at = after(at)) {
            const auto wanted = home(places_[at].tag);
            if (((at - wanted) & mask()) < ((at - hole) & mask())) continue;
            places_[hole] = places_[at];
            hole = at;
        }
        places_[hole] = {};
    }
    // It will be erased soon.
    void prefetch(const T& slot) const { __builtin_prefetch(&places_[home(tag_of((slot.*link).hash))]); }
    // nullptr: none.
    T* find(const Hash128& hash) const {
        const auto tag = tag_of(hash);
        for (auto at = home(tag); places_[at].slot != kNoSlot; at = after(at)) {
            if (places_[at].tag != tag) continue;
            auto& slot = slots_.at(places_[at].slot);
            if ((slot.*link).hash == hash) return &slot;
        }
        return nullptr;
    }

private:
    struct Place {
        std::uint32_t tag = 0;
        std::uint32_t slot = kNoSlot;
    };
    static std::uint32_t tag_of(const Hash128& hash) { return static_cast<std::uint32_t>(hash.low); }
    std::size_t mask() const { return places_.size() - 1; }
    std::size_t home(std::uint32_t tag) const { return tag & mask(); }
    std::size_t after(std::size_t at) const { return (at + 1) & mask(); }
    void put(const Place& place) {
        auto at = home(place.tag);
        while (places_[at].slot != kNoSlot) at = after(at);
        places_[at] = place;
    }
    void grow() {
        const auto before = std::exchange(places_, std::vector<Place>(places_.size() * 2));
        for (const auto& place : before) {
            if (place.slot != kNoSlot) put(place);
        }
    }

    static constexpr std::size_t kFirst = 1024;
    Slots<T>& slots_;
    std::vector<Place> places_ = std::vector<Place>(kFirst);
    std::size_t linked_ = 0;
};

struct WaitLink {
    std::uint32_t before = kNoSlot;
    std::uint32_t after = kNoSlot;
    std::uint32_t bucket = 0;
    bool linked = false;
};

// Slots in buckets by what they wait for. In and out in one step, wherever a slot stands: a bucket may hold them all.
template <typename T, WaitLink T::* link>
class Waiters {
public:
    explicit Waiters(Slots<T>& slots) : slots_(slots) {}
    void insert(T& slot, std::uint64_t hash) {
        const auto bucket = static_cast<std::uint32_t>(hash % kBuckets);
        auto& head = heads_[bucket];
        if (head != kNoSlot) at(head).before = slot.index;
        slot.*link = {kNoSlot, head, bucket, true};
        head = slot.index;
    }
    void erase(T& slot) {
        if (!contains(slot)) return;
        const auto was = slot.*link;
        (was.before == kNoSlot ? heads_[was.bucket] : at(was.before).after) = was.after;
        if (was.after != kNoSlot) at(was.after).before = was.before;
        (slot.*link).linked = false;
    }
    bool contains(const T& slot) const { return (slot.*link).linked; }
    // All of the bucket of `hash`: others may be among them. `visit` changes nothing here.
    template <typename Visit>
    void visit(std::uint64_t hash, const Visit& visit) const {
        for (auto index = heads_[hash % kBuckets]; index != kNoSlot; index = at(index).after) visit(slots_.at(index));
    }

private:
    static constexpr std::size_t kBuckets = 1024;
    WaitLink& at(std::uint32_t index) const { return slots_.at(index).*link; }

    Slots<T>& slots_;
    std::vector<std::uint32_t> heads_ = std::vector<std::uint32_t>(kBuckets, kNoSlot);
};

// INVITEs that were refused without a transaction: one that comes again is refused again, for its sender may have given
// up by then and would not hear of a call. A cache of hashes: a place is overwritten when another needs it, some
// seconds later at ten thousand refusals a second.
class Refused {
public:
    void add(const Hash128& hash) { places_[hash.low % places_.size()] = hash.low; }
    bool has(const Hash128& hash) const { return places_[hash.low % places_.size()] == hash.low; }

private:
    std::vector<std::uint64_t> places_ = std::vector<std::uint64_t>(std::size_t{1} << 16);
};

// Transactions that are over and wait for their end (Timers D, I to M). Most of all transactions do, most of that time
// untouched: they stand in line by how long they wait, with one timer for each line, so that nobody has to come by
// before their end. There are no more lines than three for each MachineTimers. T has `lingers`, on_end(Instant), and
// prefetch_links() for what that will touch. Who ends before that, or is forgotten, is passed over.
template <typename T>
class Lingering {
public:
    Lingering(Slots<T>& slots, std::size_t most) : slots_(slots), most_(most) {}

    // Once for each.
    void add(TimerWheel& wheel, Instant now, Duration how_long, T& slot) {
        slot.lingers = true;
        ++alive_;
        auto& line = lines_.try_emplace(how_long, *this, wheel, how_long).first->second;
        line.waiting.push_back({slot.index, slot.generation, now + how_long});
        ++waiting_;
        if (!line.timer.armed()) line.arm();
    }
    // It has ended, in time or before. Does nothing to one that never was here.
    void end(T& slot) {
        if (std::exchange(slot.lingers, false)) --alive_;
    }
    std::size_t size() const { return alive_; }
    // The one that has waited longest, if they are more than may be: out of the line. Else nullptr.
    T* surplus() {
        while (waiting_ > most_) {
            auto& line = longest_waiting();
            if (auto* slot = find(line.take())) return slot;
        }
        return nullptr;
    }

private:
    struct Name {
        std::uint32_t index;
        std::uint32_t generation;
        Instant until;
    };
    struct Line {
        Line(Lingering& owner, TimerWheel& timers, Duration each) : all(owner), wheel(timers), how_long(each) {}
        void arm() { wheel.arm<&Line::on_due>(timer, waiting.front().until, this); }
        void on_due(Instant now) {
            while (!waiting.empty() && waiting.front().until <= now) {
                if (auto* slot = all.find(take())) slot->on_end(now);
            }
            if (!waiting.empty()) arm();
        }
        Name take() {
            const auto name = waiting.front();
            waiting.pop_front();
            --all.waiting_;
            // Memory is asked for what will be wanted: first for a slot, then for what is known from that.
            if (waiting.size() > kFarAhead) all.slots_.prefetch(waiting[kFarAhead].index);
            if (waiting.size() > kAhead) {
                if (const auto* slot = all.find(waiting[kAhead])) slot->prefetch_links();
            }
            return name;
        }
        static constexpr std::size_t kFarAhead = 5;
        static constexpr std::size_t kAhead = 2;
        Lingering& all;
        TimerWheel& wheel;
        Duration how_long;
        std::deque<Name> waiting;
        Timer timer;  // for the first
    };

    T* find(const Name& name) const { return slots_.find(name.index, name.generation); }
    // There is one.
    Line& longest_waiting() {
        Line* out = nullptr;
        for (auto& [how_long, line] : lines_) {
            if (!line.waiting.empty() && (out == nullptr || since(line) <= since(*out))) out = &line;
        }
        return *out;
    }
    static Instant since(const Line& line) { return line.waiting.front().until - line.how_long; }

    Slots<T>& slots_;
    std::map<Duration, Line> lines_;
    std::size_t waiting_ = 0;  // names in all lines, of those that have ended before their time too
    std::size_t alive_ = 0;
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
    bool sent_anew = false;  // once, after a stream broke
    bool or_udp = false;     // it goes by TCP for its size alone
    std::uint64_t context = 0;
    std::string request;   // as sent
    std::string extra;     // header lines for the CANCEL that waits for a provisional response
    bool lingers = false;  // Lingering's
    bool ours = false;     // a CANCEL of the layer's: the TU does not know it
    bool cancelled = false;
    bool cancel_sent = false;
    std::size_t accounted = 0;  // in Tables::client_bytes
    HashLink by_key;            // branch, method
    WaitLink by_peer;

    // For its first response, or for the final one of a request that is no INVITE: what an ICMP error ends.
    bool waiting() const {
        const auto state = machine.state();
        return state == ClientState::kCalling || state == ClientState::kTrying ||
               (state == ClientState::kProceeding && !machine.invite());
    }
    std::size_t size() const { return request.size(); }
    ClientId id() const { return {index, generation}; }
    std::uint64_t owner() const { return std::uint64_t{generation} << 32 | std::uint64_t{index} << 1; }
    void on_retransmit(Instant now) { layer->run(now, *this, machine.on(ClientEvent::kRetransmitTimer), to, nullptr); }
    void on_end(Instant now) { layer->run(now, *this, machine.on(ClientEvent::kEndTimer), to, nullptr); }
    void prefetch_links() const;
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
    std::string response;  // the last
    std::string to_tag;    // that responses carry; "" as long as none did
    sip::ResponseTemplate head;
    bool lingers = false;       // Lingering's
    bool ours = false;          // of a CANCEL: the TU does not know it
    std::size_t accounted = 0;  // in Tables::server_bytes
    HashLink by_key;            // branch, sent-by, listener, method
    HashLink by_merge_key;      // not linked when the request was within a dialog

    std::size_t size() const { return head.size() + response.size(); }
    ServerId id() const { return {index, generation}; }
    std::uint64_t owner() const { return std::uint64_t{generation} << 32 | std::uint64_t{index} << 1 | 1; }
    void on_retransmit(Instant now) { layer->run(now, *this, machine.on(ServerEvent::kRetransmitTimer), to, nullptr); }
    void on_end(Instant now) { layer->run(now, *this, machine.on(ServerEvent::kEndTimer), to, nullptr); }
    void prefetch_links() const;
};

struct TransactionLayer::Tables {
    explicit Tables(const TransactionSettings& s)
        : clients(s.max_client_transactions),
          servers(s.max_server_transactions),
          lingering_clients(clients, s.max_lingering_client_transactions),
          lingering_servers(servers, s.max_lingering_server_transactions) {}
    Slots<Client> clients;
    Slots<Server> servers;
    Lingering<Client> lingering_clients;
    Lingering<Server> lingering_servers;
    Refused refused;
    HashIndex<Client, &Client::by_key> client_keys{clients};
    HashIndex<Server, &Server::by_key> server_keys{servers};
    HashIndex<Server, &Server::by_merge_key> merge_keys{servers};
    Waiters<Client, &Client::by_peer> client_peers{clients};     // those that wait, by where their request went
    std::unordered_map<Endpoint, Instant, EndpointHash> no_tcp;  // until when
    std::size_t client_bytes = 0;                                // what the texts of all take
    std::size_t server_bytes = 0;

    void account(Client& client) {
        client_bytes += client.size() - client.accounted;
        client.accounted = client.size();
    }
    void account(Server& server) {
        server_bytes += server.size() - server.accounted;
        server.accounted = server.size();
    }
    void unlink(Server& server) {
        server_keys.erase(server);
        merge_keys.erase(server);
    }
};

inline void TransactionLayer::Client::prefetch_links() const { layer->tables_->client_keys.prefetch(*this); }
inline void TransactionLayer::Server::prefetch_links() const {
    layer->tables_->server_keys.prefetch(*this);
    if (by_merge_key.linked) layer->tables_->merge_keys.prefetch(*this);
}

}  // namespace sallyport::transaction
