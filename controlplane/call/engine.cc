#include "controlplane/call/engine.h"

#include "controlplane/call/engine_core.h"

namespace sallyport::call {

Engine::Engine(const config::ControlView& view, RandomSource& random, std::uint8_t shard, Outbox& out, Now now)
    : core_(std::make_unique<EngineCore>(view, random, shard, out, now)) {}

Engine::~Engine() = default;

namespace {
std::string_view text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
}  // namespace

void Engine::on_message(Now now, const transaction::Path& from, std::span<const std::byte> bytes) {
    core_->on_message(now, from, text(bytes));
}

void Engine::on_unframed(Now now, const transaction::Path& from, std::span<const std::byte> head,
                         const sip::ParseError& why) {
    core_->on_unframed(now, from, text(head), why);
}

void Engine::on_surplus_invite(Now now, const transaction::Path& from, std::span<const std::byte> bytes) {
    core_->on_surplus_invite(now, from, text(bytes));
}

void Engine::on_send_error(Now now, const transaction::SendQueue::Entry& entry) { core_->on_send_error(now, entry); }

void Engine::on_unreachable(Now now, const transaction::Path& to) { core_->on_unreachable(now, to); }

void Engine::on_stream(const transaction::SendQueue::Entry& entry, std::uint32_t connection) {
    core_->layer().on_stream(entry, connection);
}

std::optional<std::uint16_t> Engine::trunk_at(const transaction::Path& path) const {
    return core_->router().trunk_at(path.sip_interface, path.remote);
}

bool Engine::admits(const transaction::Path& from) { return core_->admits(from); }

void Engine::on_flow_event(Now now, const wire::FlowEvent& event) { core_->on_flow_event(now, event); }

void Engine::on_dataplane_session(Now now, bool up) { core_->on_dataplane_session(now, up); }

void Engine::advance(Now now) { core_->advance(now); }

void Engine::flush(Now now) { core_->flush(now); }

Instant Engine::next_deadline() const { return core_->next_deadline(); }

std::vector<std::byte> Engine::export_call(std::uint64_t number, Now now) const {
    std::vector<std::byte> out;
    if (const auto* call = core_->find(number)) call->export_to(out, now);
    return out;
}

std::expected<bool, ImportRefusal> Engine::import_call(Now now, std::span<const std::byte> exported) {
    return core_->import_call(now, exported);
}

std::size_t Engine::call_count() const { return core_->live_calls(); }

void Engine::visit_calls(const std::function<bool(const CallView&)>& visit) const {
    for (const auto& call : core_->calls()) {
        if (call.live() && !visit(call.view())) return;
    }
}

std::optional<CallView> Engine::find_call(std::string_view id) const {
    for (const auto& call : core_->calls()) {
        if (call.live() && text_of(call.number()) == id) return call.view();
    }
    return std::nullopt;
}

std::vector<TrunkView> Engine::trunks() const { return core_->trunk_list(); }

std::vector<CounterView> Engine::counters() const { return core_->counter_list(); }

}  // namespace sallyport::call
