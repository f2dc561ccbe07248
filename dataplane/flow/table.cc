#include "dataplane/flow/table.h"

#include <algorithm>
#include <map>

#include "dataplane/flow/command_check.h"

namespace sallyport::flow {

FlowTable::FlowTable(const FlowConfig& config, Epochs& epochs)
    : epochs_(epochs),
      ports_(config),
      max_flows_(config.max_flows),
      // One rule per flow, and one more for each change that waits for the workers.
      rules_(config.max_flows + 2 * std::size_t{kMaxTransaction} + 1),
      infos_(config.max_flows),
      free_rules_(1, static_cast<std::uint32_t>(rules_.size())),
      free_flows_(0, config.max_flows) {
    // Rule 0, of cells without a flow, has the first flow's index: there is always one.
    for (std::uint32_t w = 0; w < config.workers; ++w) stats_.emplace_back(std::max(1U, max_flows_));
}

std::expected<void, Rejection> FlowTable::check(std::span<const wire::FlowCommand> commands) const {
    // What the commands so far leave at a cell: a generation, or 0 for no flow.
    std::map<std::uint32_t, std::uint32_t> after;
    std::uint32_t installs = 0;
    for (const auto& command : commands) {
        const auto& key = command.spec.key;
        const auto refuse = [&key](wire::RejectReason reason) { return std::unexpected(Rejection{reason, key}); };
        if (const auto reason = check_command(ports_, command); reason != wire::RejectReason::kNone)
            return refuse(reason);
        const auto cell = cell_of(ports_, key);
        if (!after.contains(cell)) {
            const auto rule = ports_.cell(cell).rule.load(std::memory_order_relaxed);
            after[cell] = rule == 0 ? 0 : infos_[rules_[rule].flow_index].spec.generation();
        }
        auto& generation = after[cell];
        if (command.type == wire::CommandType::kInstall) {
            if (generation != 0) return refuse(wire::RejectReason::kAlreadyInstalled);
            // Indices of flows removed by the same transaction are free only later.
            if (++installs > free_flows_.size()) return refuse(wire::RejectReason::kTableFull);
            generation = command.spec.generation;
            continue;
        }
        if (generation == 0) return refuse(wire::RejectReason::kNoSuchFlow);
        if (generation != command.spec.generation) return refuse(wire::RejectReason::kStaleGeneration);
        if (command.type == wire::CommandType::kRemove) generation = 0;
    }
    return {};
}

void FlowTable::prefetch(const wire::FlowKey& key) const {
    if (owned(key)) __builtin_prefetch(&ports_.cell(cell_of(ports_, key)));
}

void FlowTable::apply(std::span<const wire::FlowCommand> commands, std::uint64_t now_ns, EventSink& events) {
    for (const auto& command : commands) {
        switch (command.type) {
            case wire::CommandType::kInstall: install(command.spec, now_ns, events); break;
            case wire::CommandType::kUpdate: update(command.spec); break;
            case wire::CommandType::kRemove: remove(command.spec.key); break;
            default: break;
        }
    }
}

void FlowTable::install(const wire::FlowSpec& spec, std::uint64_t now_ns, EventSink& events) {
    const auto flow = free_flows_.take();
    flows_end_ = std::max(flows_end_, flow + 1);
    for (auto& worker : stats_) worker[flow].reset();
    const auto cell = cell_of(ports_, spec.key);
    const auto tag = empty_latch(cell);
    const auto rule = make_rule(spec, flow, tag);
    infos_[flow] = {
        .spec = wire::PackedFlow(spec), .rule = rule, .cell = cell, .installed = true, .installed_ns = now_ns};
    infos_[flow].spec.clear_flags(wire::kFlowRelatch);
    ports_.cell(cell).rule.store(rule, std::memory_order_release);
    ++installed_;
    events.push(describe(flow, wire::EventType::kInstalled));
}

void FlowTable::update(const wire::FlowSpec& spec) {
    const auto flow = *find(spec.key);
    auto& info = infos_[flow];
    auto& cell = ports_.cell(info.cell);
    const auto latch = Latch::unpack(cell.latch.load(std::memory_order_relaxed));
    // What was learned under the old rule stays only where the new one would have learned it too. Where nothing was,
    // the new tag keeps a worker in mid-burst from learning by the old rule.
    const bool keep = (spec.flags & wire::kFlowRelatch) == 0 && spec.source_rule != wire::SourceRule::kExact &&
                      latch.address != 0 && source_allowed(spec, latch.address, latch.port);
    const auto tag = keep ? latch.tag : empty_latch(info.cell);
    if (!keep) info.latch_reported = 0;
    const auto old = info.rule;
    info.rule = make_rule(spec, flow, tag);
    rules_[info.rule].rate = rules_[old].rate;
    info.spec = wire::PackedFlow(spec);
    info.spec.clear_flags(wire::kFlowRelatch);
    cell.rule.store(info.rule, std::memory_order_release);
    retire_rule(old);
}

void FlowTable::remove(const wire::FlowKey& key) {
    const auto flow = *find(key);
    auto& info = infos_[flow];
    auto& cell = ports_.cell(info.cell);
    info.latch_reported = latch(flow).pack();  // for the kRemoved event
    cell.rule.store(0, std::memory_order_release);
    empty_latch(info.cell);  // the reverse flow falls back on the signalled address
    info.installed = false;
    info.announce_removal = true;
    --installed_;
    retire_rule(info.rule);
    retired_flows_.push_back({epochs_.stamp(), flow});
}

void FlowTable::retire_rule(std::uint32_t rule) { retired_rules_.push_back({epochs_.stamp(), rule}); }

std::uint16_t FlowTable::empty_latch(std::uint32_t cell) {
    auto& word = ports_.cell(cell).latch;
    auto old = word.load(std::memory_order_relaxed);
    Latch fresh;
    do fresh.tag = static_cast<std::uint16_t>(Latch::unpack(old).tag + 1);
    while (!word.compare_exchange_weak(old, fresh.pack(), std::memory_order_relaxed));
    return fresh.tag;
}

std::uint32_t FlowTable::make_rule(const wire::FlowSpec& spec, std::uint32_t flow, std::uint16_t tag) {
    const auto index = free_rules_.take();
    auto& rule = rules_[index];
    rule = FlowRule{};
    rule.remote = Latch{spec.remote.address.v4_host_order(), spec.remote.port}.pack();
    const bool exact = spec.source_rule == wire::SourceRule::kExact;
    rule.remote_mask =
        Latch{.address = spec.source_rule == wire::SourceRule::kPrefix ? mask_of(spec.prefix_length) : ~0U,
              .port = exact ? std::uint16_t{0xffff} : std::uint16_t{0}}
            .pack();
    rule.latch_tag = tag;
    if (exact) rule.flags |= FlowRule::kExact;
    if ((spec.flags & wire::kFlowForward) != 0) rule.flags |= FlowRule::kForward;
    if ((spec.flags & wire::kFlowRtcp) != 0) rule.flags |= FlowRule::kRtcp;
    rule.flow_index = flow;
    rule.set_out({spec.out.local.address.v4_host_order(), spec.out.local.port},
                 {spec.out_remote.address.v4_host_order(), spec.out_remote.port},
                 static_cast<std::uint8_t>(spec.dscp << 2));
    rule.out_interface = ports_.realm(spec.out.realm).interface;
    rule.reverse_cell = cell_of(ports_, spec.out);
    rule.clock_khz = spec.clock_khz;
    if (spec.rate_pps != 0) rule.packet_interval_ns = std::max(1U, 1'000'000'000U / spec.rate_pps);
    return index;
}

void FlowTable::reclaim(EventSink& events) {
    while (!retired_rules_.empty() && epochs_.passed(retired_rules_.front().stamp)) {
        free_rules_.give_back(retired_rules_.front().index);
        retired_rules_.pop_front();
    }
    while (!retired_flows_.empty() && epochs_.passed(retired_flows_.front().stamp)) {
        const auto flow = retired_flows_.front().index;
        if (infos_[flow].announce_removal) {
            if (events.room() == 0) return;
            events.push(describe(flow, wire::EventType::kRemoved));
        }
        infos_[flow] = FlowInfo{};
        free_flows_.give_back(flow);
        retired_flows_.pop_front();
    }
}

void FlowTable::forget_announcements() {
    for (const auto& retired : retired_flows_) infos_[retired.index].announce_removal = false;
}

bool FlowTable::owned(const wire::FlowKey& key) const {
    return key.realm < ports_.realms() && key.local.address.is_v4() &&
           ports_.check(key.realm, key.local.address.v4_host_order(), key.local.port) == MediaPorts::Ownership::kOwned;
}

std::optional<std::uint32_t> FlowTable::find(const wire::FlowKey& key) const {
    if (!owned(key)) return std::nullopt;
    const auto rule = ports_.cell(cell_of(ports_, key)).rule.load(std::memory_order_relaxed);
    if (rule == 0) return std::nullopt;
    return rules_[rule].flow_index;
}

wire::FlowCounters FlowTable::counters(std::uint32_t flow) const {
    wire::FlowCounters sum;
    for (const auto& worker : stats_) worker[flow].add_to(sum);
    return sum;
}

Latch FlowTable::latch(std::uint32_t flow) const {
    const auto& info = infos_[flow];
    if (!info.installed) return Latch::unpack(info.latch_reported);
    return Latch::unpack(ports_.cell(info.cell).latch.load(std::memory_order_relaxed));
}

Endpoint FlowTable::source(std::uint32_t flow) const {
    const auto learned = latch(flow);
    return learned.address == 0 ? Endpoint{} : Endpoint{IpAddress::v4(learned.address), learned.port};
}

wire::FlowEvent FlowTable::describe(std::uint32_t flow, wire::EventType type, std::uint32_t transaction) const {
    wire::FlowEvent event;
    event.type = type;
    event.transaction = transaction;
    event.spec = infos_[flow].spec.unpack();
    event.source = source(flow);
    event.flow_index = flow;
    event.counters = counters(flow);
    return event;
}

}  // namespace sallyport::flow
