#include "tests/scenario/world.h"

#include <algorithm>

#include "platform/base/checksum.h"
#include "tests/scenario/view.h"

namespace sallyport::scenario {

namespace {

constexpr WallTime kStart{std::chrono::seconds(1'800'000'000)};

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

}  // namespace

World::World(std::uint64_t seed) : view(default_view()), random_(seed), engine_random_(seed * 7919 + 1) {}
World::~World() = default;

Now World::both() const { return {now_, kStart + (now_ - Instant(std::chrono::hours(1)))}; }

void World::start() {
    engine_ = std::make_unique<call::Engine>(view, engine_random_, 0, outbox_, both());
    dataplane_session(true);
}

Ua& World::agent(std::map<std::string, std::unique_ptr<Ua>>& side, const std::string& host, const std::string& address,
                 std::size_t sip_interface) {
    auto& ua = side[address];
    if (!ua) {
        ua =
            std::make_unique<Ua>(*this, host, Endpoint(ip(address), 5060), view.sip_interfaces.at(sip_interface).local);
    }
    return *ua;
}

Ua& World::access(const std::string& host, const std::string& address) { return agent(access_, host, address, 0); }
void World::move_access(const std::string& from, const std::string& to) {
    auto node = access_.extract(from);
    node.key() = to;
    node.mapped()->self.address = ip(to);
    access_.insert(std::move(node));
}
Ua& World::core(const std::string& host, const std::string& address) { return agent(core_, host, address, 1); }

// --- time
// --------------------------------------------------------------------------------------------------------------
void World::after(Duration delay, std::function<void()> what) {
    events_.push({now_ + delay, ++order_, std::move(what)});
}

void World::pump() {
    if (!engine_) return;
    engine_->advance(both());
    while (session_ && !dataplane_.events.empty()) {
        const auto e = dataplane_.events.front();
        dataplane_.events.pop_front();
        engine_->on_flow_event(both(), e);
        drain();
    }
    drain();
}

void World::drain() {
    engine_->flush(both());
    for (const auto& save : outbox_.saves) {
        const auto bytes = outbox_.bytes(save);
        saved[save.call].assign(bytes.begin(), bytes.end());
    }
    for (const auto& c : outbox_.flow_commands) {
        if (session_) dataplane_.on_command(c);
    }
    std::vector<transaction::SendQueue::Entry> refused;
    for (const auto& entry : outbox_.sends.entries()) {
        if (refuse && refuse(std::string(outbox_.sends.bytes(entry)))) {
            refused.push_back(entry);
            continue;
        }
        const std::string bytes(outbox_.sends.bytes(entry));
        if (!is_stream(entry.path.transport))
            send(view.sip_interfaces.at(entry.path.sip_interface).local, entry.path.remote, bytes);
        else if (!send_by_stream(entry, bytes))
            refused.push_back(entry);
    }
    for (const auto& record : outbox_.records) {
        saved.erase(record.number);
        records.push_back(record);
    }
    outbox_.clear();
    for (const auto& entry : refused) engine_->on_send_error(both(), entry);
    if (!refused.empty()) drain();
    // The dataplane answers a moment later, as the real one does.
    if (!dataplane_.events.empty() && !events_due_) {
        events_due_ = true;
        after(std::chrono::milliseconds(2), [this] { events_due_ = false; });
    }
}

void World::run_for(Duration time) {
    const auto end = now_ + time;
    pump();
    while (true) {
        auto next = events_.empty() ? kNever : events_.top().at;
        if (engine_) next = std::min(next, engine_->next_deadline());
        if (next > end) break;
        now_ = std::max(now_, next);
        if (!events_.empty() && events_.top().at <= now_) {
            auto what = events_.top().what;
            events_.pop();
            what();
        }
        pump();
    }
    now_ = end;
}

bool World::run_until(const std::function<bool()>& done, Duration limit) {
    const auto end = now_ + limit;
    while (!done() && now_ < end) run_for(std::chrono::milliseconds(10));
    return done();
}

// --- network
// ---------------------------------------------------------------------------------------------------------------
void World::send(const Endpoint& from, const Endpoint& to, const std::string& bytes) {
    if (lose && lose(bytes)) return;
    const unsigned copies = random_.chance(link.duplicate_percent) ? 2 : 1;
    for (unsigned i = 0; i < copies; ++i) {
        if (random_.chance(link.loss_percent)) continue;
        auto delay = link.delay;
        if (link.jitter > Duration::zero()) {
            const auto us = std::chrono::duration_cast<std::chrono::microseconds>(link.jitter).count();
            delay += std::chrono::microseconds(random_.below(static_cast<std::uint32_t>(us)));
        }
        after(delay, [this, from, to, bytes] { arrive(from, to, bytes); });
    }
}

std::uint32_t World::make_stream(Ua& agent, const transaction::Path& path) {
    const auto number = next_stream_++;
    streams_[number] = {&agent, path};
    streams_[number].path.connection = number;
    return number;
}

std::uint32_t World::stream_to(const transaction::Path& path) {
    if (streams_.contains(path.connection)) return path.connection;
    for (const auto& [number, stream] : streams_)
        if (stream.path.remote == path.remote && stream.path.transport == path.transport) return number;
    for (auto* side : {&access_, &core_})
        for (const auto& [address, agent] : *side)
            if (agent->self == path.remote && agent->transport == path.transport) return make_stream(*agent, path);
    return 0;
}

bool World::send_by_stream(const transaction::SendQueue::Entry& entry, const std::string& bytes) {
    const auto number = stream_to(entry.path);
    if (number == 0) return false;
    if (entry.owner != 0 && entry.path.connection != number) engine_->on_stream(entry, number);
    after(link.delay, [this, number, bytes] {
        if (const auto it = streams_.find(number); it != streams_.end()) it->second.agent->on_datagram(bytes);
    });
    return true;
}

void World::send_by_stream(Ua& from, const Endpoint& to, const std::string& bytes) {
    auto it = std::ranges::find_if(streams_, [&](const auto& each) { return each.second.agent == &from; });
    if (it == streams_.end()) {
        const auto interface = std::ranges::find(view.sip_interfaces, to, &config::SipInterface::local);
        transaction::Path path;
        path.sip_interface = static_cast<std::uint16_t>(interface - view.sip_interfaces.begin());
        path.remote = Endpoint(from.self.address, static_cast<std::uint16_t>(40'000 + next_stream_));
        path.transport = from.transport;
        it = streams_.find(make_stream(from, path));
    }
    after(link.delay, [this, number = it->first, bytes] {
        const auto stream = streams_.find(number);
        if (stream == streams_.end() || !engine_) return;
        engine_->on_message(both(), stream->second.path, std::as_bytes(std::span(bytes)));
        drain();
    });
}

bool World::has_stream(const Ua& agent) const {
    return std::ranges::any_of(streams_, [&](const auto& each) { return each.second.agent == &agent; });
}

void World::break_stream(Ua& agent) {
    std::vector<transaction::Path> broken;
    std::erase_if(streams_, [&](const auto& each) {
        if (each.second.agent == &agent) broken.push_back(each.second.path);
        return each.second.agent == &agent;
    });
    for (const auto& path : broken) {
        if (engine_) engine_->on_unreachable(both(), path);
    }
    drain();
}

void World::arrive(const Endpoint& from, const Endpoint& to, const std::string& bytes) {
    for (std::size_t i = 0; i < view.sip_interfaces.size(); ++i) {
        if (view.sip_interfaces[i].local != to) continue;
        if (!engine_) return;
        engine_->on_message(both(), {static_cast<std::uint16_t>(i), from}, std::as_bytes(std::span(bytes)));
        return drain();
    }
    for (auto* side : {&access_, &core_}) {
        const auto it = side->find(to.address.text());
        if (it != side->end()) return it->second->on_datagram(bytes);
    }
}

// --- the gate
// ------------------------------------------------------------------------------------------------------------------
std::uint64_t World::counter(std::string_view name) const {
    for (const auto& c : engine_->counters()) {
        if (c.name == name) return c.value;
    }
    return UINT64_MAX;
}

void World::dataplane_session(bool up) {
    session_ = up;
    if (up) dataplane_.new_session();
    engine_->on_dataplane_session(both(), up);
    drain();
    run_for(std::chrono::milliseconds(10));
}

std::size_t World::crash_and_restart(bool session, Duration away) {
    engine_.reset();
    streams_.clear();
    outbox_.clear();
    session_ = false;
    run_for(away);
    engine_ = std::make_unique<call::Engine>(view, engine_random_, 0, outbox_, both());
    std::size_t live = 0;
    for (const auto& [number, bytes] : std::map(saved)) {
        const auto taken = engine_->import_call(both(), bytes);
        if (taken) {
            live += *taken ? 1 : 0;
            continue;
        }
        problems_.push_back("import: " + taken.error().why);
        if (!taken.error().recorded) saved.erase(number);
    }
    drain();
    if (session) dataplane_session(true);
    return live;
}

// --- judgement
// -------------------------------------------------------------------------------------------------------------------
std::string World::problems() const {
    std::string out;
    const auto add = [&out](std::string_view who, const std::vector<std::string>& list) {
        for (const auto& p : list) out += std::string(who) + ": " + p + "\n";
    };
    for (const auto* side : {&access_, &core_}) {
        for (const auto& [address, ua] : *side) add(ua->host, ua->problems);
    }
    add("dataplane", dataplane_.problems);
    add("gate", problems_);
    return out;
}

std::string World::leftovers() {
    std::string out;
    for (const auto& c : engine_->counters()) {
        if (c.name.starts_with("live-") && c.value != 0)
            out += std::string(c.name) + "=" + std::to_string(c.value) + " ";
    }
    if (!dataplane_.flows().empty()) out += "flows=" + std::to_string(dataplane_.flows().size()) + " ";
    if (!saved.empty()) out += "saved=" + std::to_string(saved.size()) + " ";
    return out;
}

std::string World::leaks() const {
    const auto look = [](const auto& here, const auto& there) {
        std::string out;
        for (const auto& [address, ua] : there) {
            std::vector<std::string> names{ua->host, ua->self.address.text(), ua->answered_ua};
            for (const auto& call : ua->calls) {
                for (const auto& name : {call->call_id, call->local_tag, call->remote_tag}) {
                    if (!name.empty()) names.push_back(name);
                }
            }
            // Ours are in the responses to us, the gate's in its requests.
            for (const auto& message : ua->received) names.push_back(message.branch());
            std::ranges::sort(names);
            names.erase(std::ranges::unique(names).begin(), names.end());
            for (const auto& [other_address, peer] : here) {
                for (const auto& bytes : peer->wire) {
                    for (const auto& name : names) {
                        if (bytes.contains(name)) out += "`" + name + "` in:\n" + bytes + "\n";
                    }
                }
            }
        }
        return out;
    };
    return look(access_, core_) + look(core_, access_);
}

Pair connect(World& world, Ua& from, Ua& to, const std::string& offer) {
    const auto before = to.calls.size();
    auto& caller = offer == "default" ? from.invite("4930123") : from.invite("4930123", offer);
    Pair out{&caller, nullptr};
    world.run_until(
        [&] { return caller.state == UaCall::State::kUp && to.calls.size() > before && to.calls.back()->acked; });
    if (to.calls.size() > before) out.callee = to.calls.back().get();
    return out;
}

// controlplane/call/export.cc
void seal(std::vector<std::byte>& saved) {
    if (saved.size() < 8) return;
    saved.resize(saved.size() - 8);
    const auto sum = checksum64(saved);
    ByteWriter(saved).u64(sum);
}

}  // namespace sallyport::scenario
