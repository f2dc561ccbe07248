#include "controlplane/flow/ledger.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::flow;
using wire::CommandType;
using wire::EventType;
using wire::RejectReason;

namespace {

// What the other side of the rings does, as platform/wire describes it: commands staged per transaction,
// applied together, kRemoved some time after the commit.
class FakeDataplane {
public:
    struct Flow {
        wire::FlowSpec spec;
        std::uint32_t index = 0;
        Endpoint latched;
    };

    void take(std::vector<wire::FlowCommand>& commands) {
        for (const auto& c : commands) take(c);
        commands.clear();
    }
    std::vector<wire::FlowEvent> events() { return std::exchange(events_, {}); }
    void release_removed() {
        for (auto& e : removed_) events_.push_back(e);
        removed_.clear();
    }
    void end_session() {
        staged_.clear();
        events_.clear();
        removed_.clear();
    }
    void put(const wire::FlowSpec& spec) { flows_[key_text(spec.key)] = {spec, next_index_++, {}}; }
    const std::map<std::string, Flow>& flows() const { return flows_; }
    Flow* find(const wire::FlowKey& key) {
        const auto it = flows_.find(key_text(key));
        return it == flows_.end() ? nullptr : &it->second;
    }
    void tell(EventType type, const wire::FlowKey& key, Endpoint source = {}) {
        auto* f = find(key);
        CHECK_TRUE(f != nullptr);
        events_.push_back(event(type, 0, *f));
        events_.back().source = source;
    }

    std::optional<RejectReason> refuse_next;
    std::vector<wire::FlowCommand> log;
    bool bad_order = false;

private:
    static std::string key_text(const wire::FlowKey& k) { return std::to_string(k.realm) + "/" + k.local.text(); }
    static wire::FlowEvent event(EventType type, std::uint32_t transaction, const Flow& f) {
        wire::FlowEvent e;
        e.type = type;
        e.transaction = transaction;
        e.spec = f.spec;
        e.flow_index = f.index;
        e.source = f.latched;
        e.counters.packets_in = 1000 + f.index;
        return e;
    }
    void simple(EventType type, std::uint32_t transaction, RejectReason reason = RejectReason::kNone) {
        wire::FlowEvent e;
        e.type = type;
        e.transaction = transaction;
        e.reason = reason;
        events_.push_back(e);
    }
    void take(const wire::FlowCommand& c) {
        log.push_back(c);
        if (c.type == CommandType::kList) {
            for (const auto& [key, f] : flows_) events_.push_back(event(EventType::kListed, c.transaction, f));
            simple(EventType::kListEnd, c.transaction);
        } else if (c.type == CommandType::kQuery) {
            if (auto* f = find(c.spec.key)) events_.push_back(event(EventType::kCounters, c.transaction, *f));
        } else if (c.type != CommandType::kCommit) {
            staged_[c.transaction].push_back(c);
        } else {
            commit(c.transaction);
        }
    }
    RejectReason check(const wire::FlowCommand& c) {
        const auto* f = find(c.spec.key);
        if (c.type == CommandType::kInstall) {
            return f != nullptr ? RejectReason::kAlreadyInstalled : RejectReason::kNone;
        }
        if (f == nullptr) return RejectReason::kNoSuchFlow;
        return f->spec.generation == c.spec.generation ? RejectReason::kNone : RejectReason::kStaleGeneration;
    }
    void commit(std::uint32_t transaction) {
        const auto commands = std::exchange(staged_[transaction], {});
        staged_.erase(transaction);
        auto reason = std::exchange(refuse_next, std::nullopt).value_or(RejectReason::kNone);
        if (commands.empty()) reason = RejectReason::kStagingFull;
        for (const auto& c : commands) {
            if (reason == RejectReason::kNone) reason = check(c);
        }
        if (reason != RejectReason::kNone) return simple(EventType::kRejected, transaction, reason);
        for (const auto& c : commands) {
            auto* f = find(c.spec.key);
            if (c.type == CommandType::kRemove) {
                removed_.push_back(event(EventType::kRemoved, 0, *f));
                flows_.erase(key_text(c.spec.key));
            } else if (c.type == CommandType::kUpdate) {
                f->spec = c.spec;
                if ((c.spec.flags & wire::kFlowRelatch) != 0) f->latched = {};
            } else {
                if (c.spec.generation <= generations_[key_text(c.spec.key)]) bad_order = true;
                generations_[key_text(c.spec.key)] = c.spec.generation;
                put(c.spec);
                events_.push_back(event(EventType::kInstalled, transaction, *find(c.spec.key)));
            }
        }
        simple(EventType::kCommitted, transaction);
    }

    std::map<std::string, Flow> flows_;
    std::map<std::string, std::uint32_t> generations_;
    std::map<std::uint32_t, std::vector<wire::FlowCommand>> staged_;
    std::vector<wire::FlowEvent> events_;
    std::vector<wire::FlowEvent> removed_;
    std::uint32_t next_index_ = 10;
};

wire::FlowSpec spec(std::uint64_t call, std::uint16_t port, std::uint16_t leg = 0) {
    wire::FlowSpec s;
    s.key.local = {IpAddress::v4(0xC0000201), port};
    s.key.realm = leg;
    s.cookie.call = call;
    s.cookie.leg = leg;
    s.flags = wire::kFlowForward;
    s.remote = *Endpoint::parse("192.0.2.10:4000");
    s.out.local = {IpAddress::v4(0xC6336401), port};
    s.out_remote = *Endpoint::parse("198.51.100.10:6000");
    return s;
}

}  // namespace

TEST_GROUP(FlowLedger) {
    Ledger ledger{16, 5, SipHashKey{1, 2}};
    FakeDataplane dataplane;
    std::vector<wire::FlowCommand> commands;
    std::vector<FlowReport> reports;

    // Commands over, events back, until nothing moves.
    void pump() {
        for (int i = 0; i < 20; ++i) {
            dataplane.take(commands);
            for (const auto& e : dataplane.events()) ledger.on_event(e, commands, reports);
            if (commands.empty()) return;
        }
        FAIL("does not settle");
    }
    void settle() {
        pump();
        dataplane.release_removed();
        pump();
    }
    void attach() {
        ledger.session_started(commands);
        settle();
    }
    bool want(std::uint64_t call, std::vector<wire::FlowSpec> flows) { return ledger.want(call, flows, commands); }
    // As the dataplane would tell it.
    wire::FlowEvent removal_of(const wire::FlowSpec& spec) {
        wire::FlowEvent e;
        e.type = EventType::kRemoved;
        e.spec = spec;
        ledger.visit(spec.cookie.call, [&](const Ledger::FlowState& s) {
            if (s.spec.key == spec.key) e.spec.generation = s.spec.generation;
        });
        return e;
    }
    std::size_t count(FlowReport::Kind kind, std::uint64_t call) {
        return static_cast<std::size_t>(
            std::ranges::count_if(reports, [&](const FlowReport& r) { return r.kind == kind && r.call == call; }));
    }
    std::size_t commands_of(CommandType type) {
        return static_cast<std::size_t>(std::ranges::count(dataplane.log, type, &wire::FlowCommand::type));
    }
};

using Kind = FlowReport::Kind;

TEST(FlowLedger, flows_are_installed_in_one_transaction_and_confirmed) {
    attach();
    CHECK_TRUE(want(1, {spec(1, 100), spec(1, 102)}));
    LONGS_EQUAL(3, commands.size());
    CHECK_TRUE(commands[2].type == CommandType::kCommit);
    CHECK_TRUE(commands[0].transaction == commands[2].transaction && commands[0].transaction != 0);
    CHECK_TRUE(commands[0].spec.generation > 5);
    CHECK_TRUE(ledger.has_flows(1));
    settle();
    LONGS_EQUAL(2, dataplane.flows().size());
    LONGS_EQUAL(1, count(Kind::kInForce, 1));
    LONGS_EQUAL(2, ledger.stats().flows_present);
    int seen = 0;
    ledger.visit(1, [&](const Ledger::FlowState& s) {
        CHECK_TRUE(s.confirmed && s.wanted);
        CHECK_TRUE(s.flow_index.value_or(0) >= 10);
        ++seen;
    });
    LONGS_EQUAL(2, seen);
}

TEST(FlowLedger, only_the_difference_is_sent) {
    attach();
    want(1, {spec(1, 100), spec(1, 102)});
    settle();
    want(1, {spec(1, 100), spec(1, 102)});
    LONGS_EQUAL(0, commands.size());
    auto held = spec(1, 100);
    held.flags = 0;
    want(1, {held, spec(1, 104)});
    LONGS_EQUAL(4, commands.size());  // update 100, remove 102, install 104, commit
    settle();
    LONGS_EQUAL(1, commands_of(CommandType::kUpdate));
    LONGS_EQUAL(0, dataplane.find(held.key)->spec.flags);
    CHECK_TRUE(dataplane.find(spec(1, 102).key) == nullptr);
    CHECK_TRUE(dataplane.find(spec(1, 104).key) != nullptr);
    LONGS_EQUAL(2, count(Kind::kInForce, 1));
}

TEST(FlowLedger, a_peer_that_has_moved_is_latched_anew_and_only_then) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    auto changed = spec(1, 100);
    changed.dscp = 46;
    want(1, {changed});
    CHECK_TRUE((commands[0].spec.flags & wire::kFlowRelatch) == 0);
    settle();
    changed.remote.port = 4444;
    want(1, {changed});
    CHECK_TRUE((commands[0].spec.flags & wire::kFlowRelatch) != 0);
    settle();
    want(1, {changed});
    LONGS_EQUAL(0, commands.size());
}

TEST(FlowLedger, the_end_of_a_call_brings_final_counters_and_then_the_word_that_it_is_gone) {
    attach();
    want(1, {spec(1, 100), spec(1, 102)});
    settle();
    reports.clear();
    want(1, {});
    pump();
    LONGS_EQUAL(0, reports.size());  // counters are final only when the workers have let go
    CHECK_TRUE(ledger.has_flows(1));
    settle();
    LONGS_EQUAL(3, reports.size());
    CHECK_TRUE(reports[0].kind == Kind::kCounters && reports[0].final && reports[0].counters.packets_in >= 1000);
    CHECK_TRUE(reports[1].kind == Kind::kCounters && reports[1].final);
    CHECK_TRUE(reports[2].kind == Kind::kRemoved && reports[2].call == 1);
    CHECK_FALSE(ledger.has_flows(1));
    LONGS_EQUAL(0, dataplane.flows().size());
}

TEST(FlowLedger, what_is_known_and_under_way_is_counted_until_it_is_over) {
    ledger.session_started(commands);
    LONGS_EQUAL(1, ledger.stats().under_way);  // the list
    settle();
    LONGS_EQUAL(0, ledger.stats().under_way);
    want(1, {spec(1, 100), spec(1, 102)});
    LONGS_EQUAL(1, ledger.stats().under_way);
    LONGS_EQUAL(2, ledger.stats().entries);
    settle();
    LONGS_EQUAL(0, ledger.stats().under_way);
    want(1, {});
    pump();
    LONGS_EQUAL(0, ledger.stats().flows_wanted);
    LONGS_EQUAL(2, ledger.stats().entries);  // until the dataplane says that they are gone
    settle();
    LONGS_EQUAL(0, ledger.stats().entries);
}

TEST(FlowLedger, changes_need_not_wait_for_answers) {
    attach();
    want(1, {spec(1, 100)});
    auto held = spec(1, 100);
    held.flags = 0;
    want(1, {held});
    want(1, {});
    settle();
    LONGS_EQUAL(0, ledger.stats().rejected);
    LONGS_EQUAL(0, dataplane.flows().size());
    LONGS_EQUAL(1, count(Kind::kRemoved, 1));
}

TEST(FlowLedger, a_flow_wanted_again_while_it_is_being_removed_comes_back) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    want(1, {});
    pump();
    want(1, {spec(1, 100)});
    settle();
    LONGS_EQUAL(1, dataplane.flows().size());
    CHECK_FALSE(dataplane.bad_order);
    LONGS_EQUAL(0, ledger.stats().rejected);
    LONGS_EQUAL(0, count(Kind::kRemoved, 1));
}

TEST(FlowLedger, a_port_that_goes_to_another_call_waits_for_the_old_flow_to_go) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    CHECK_FALSE(want(2, {spec(2, 100)}));  // still wanted by call 1
    want(1, {});
    pump();
    CHECK_TRUE(want(2, {spec(2, 100)}));
    settle();
    LONGS_EQUAL(2, dataplane.find(spec(2, 100).key)->spec.cookie.call);
    LONGS_EQUAL(1, count(Kind::kRemoved, 1));
    LONGS_EQUAL(1, count(Kind::kInForce, 2));
    LONGS_EQUAL(0, ledger.stats().rejected);
}

TEST(FlowLedger, a_refused_wish_is_reported_and_not_repeated) {
    attach();
    dataplane.refuse_next = RejectReason::kBadRemote;
    want(1, {spec(1, 100)});
    settle();
    LONGS_EQUAL(1, count(Kind::kFailed, 1));
    CHECK_TRUE(reports.back().reason == RejectReason::kBadRemote);
    CHECK_FALSE(ledger.has_flows(1));
    LONGS_EQUAL(1, commands_of(CommandType::kList));
    want(1, {});
    settle();
    LONGS_EQUAL(0, ledger.stats().flows_wanted);
    LONGS_EQUAL(1, commands_of(CommandType::kInstall));
}

TEST(FlowLedger, a_refused_change_leaves_what_was_in_force) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    dataplane.refuse_next = RejectReason::kBadRemote;
    auto moved = spec(1, 100);
    moved.remote.port = 1;
    want(1, {moved, spec(1, 102)});
    settle();
    LONGS_EQUAL(1, count(Kind::kFailed, 1));
    LONGS_EQUAL(1, dataplane.flows().size());
    LONGS_EQUAL(4000, dataplane.find(moved.key)->spec.remote.port);
    want(1, {spec(1, 100)});
    LONGS_EQUAL(0, commands.size());
    want(1, {});
    settle();
    LONGS_EQUAL(1, count(Kind::kRemoved, 1));
}

TEST(FlowLedger, a_refused_removal_can_be_tried_again) {
    attach();
    want(1, {spec(1, 100), spec(1, 104)});
    settle();
    dataplane.refuse_next = RejectReason::kBadRecord;
    want(1, {spec(1, 100)});
    settle();
    LONGS_EQUAL(1, count(Kind::kFailed, 1));
    LONGS_EQUAL(2, dataplane.flows().size());
    want(1, {});
    settle();
    LONGS_EQUAL(0, dataplane.flows().size());
    LONGS_EQUAL(1, count(Kind::kRemoved, 1));
}

TEST(FlowLedger, a_wrong_picture_is_set_right_by_a_list) {
    attach();
    auto stranger = spec(99, 100);
    stranger.generation = 700;
    dataplane.put(stranger);
    want(1, {spec(1, 100), spec(1, 102)});
    settle();
    LONGS_EQUAL(1, ledger.stats().repairs);
    LONGS_EQUAL(2, dataplane.flows().size());
    LONGS_EQUAL(1, dataplane.find(spec(1, 100).key)->spec.cookie.call);
    CHECK_TRUE(dataplane.find(spec(1, 100).key)->spec.generation > 700);
    LONGS_EQUAL(1, count(Kind::kInForce, 1));
    LONGS_EQUAL(0, count(Kind::kFailed, 1));
}

TEST(FlowLedger, what_is_refused_after_the_repair_too_has_failed) {
    attach();
    dataplane.refuse_next = RejectReason::kNoSuchFlow;
    want(1, {spec(1, 100)});
    dataplane.take(commands);
    for (const auto& e : dataplane.events()) ledger.on_event(e, commands, reports);
    dataplane.refuse_next = RejectReason::kNoSuchFlow;
    settle();
    LONGS_EQUAL(1, count(Kind::kFailed, 1));
    LONGS_EQUAL(1, ledger.stats().repairs);
}

TEST(FlowLedger, a_new_process_adopts_its_flows_removes_strangers_and_installs_what_is_missing) {
    auto adopted = spec(1, 100);
    adopted.generation = 41;
    auto changed = spec(1, 102);
    changed.generation = 43;
    changed.dscp = 10;
    auto stranger = spec(50, 104);
    stranger.generation = 44;
    for (const auto& s : {adopted, changed, stranger}) dataplane.put(s);
    want(1, {spec(1, 100), spec(1, 102)});
    want(2, {spec(2, 106)});
    LONGS_EQUAL(0, commands.size());  // no session: only wishes
    ledger.session_started(commands);
    LONGS_EQUAL(1, commands.size());
    settle();
    LONGS_EQUAL(3, dataplane.flows().size());
    LONGS_EQUAL(41, dataplane.find(adopted.key)->spec.generation);
    LONGS_EQUAL(43, dataplane.find(changed.key)->spec.generation);
    LONGS_EQUAL(0, dataplane.find(changed.key)->spec.dscp);
    CHECK_TRUE(dataplane.find(stranger.key) == nullptr);
    CHECK_TRUE(dataplane.find(spec(2, 106).key)->spec.generation > 44);
    LONGS_EQUAL(2, ledger.stats().adopted);
    LONGS_EQUAL(1, ledger.stats().strangers_removed);
    LONGS_EQUAL(1, commands_of(CommandType::kInstall));
    LONGS_EQUAL(1, count(Kind::kInForce, 1));
    LONGS_EQUAL(1, count(Kind::kInForce, 2));
    LONGS_EQUAL(1, count(Kind::kCounters, 50));  // the stranger's last counters are told
    int indexed = 0;
    ledger.visit(1, [&](const Ledger::FlowState& s) { indexed += s.flow_index ? 1 : 0; });
    LONGS_EQUAL(2, indexed);
}

TEST(FlowLedger, an_adopted_call_in_its_place_costs_no_command) {
    auto s = spec(1, 100);
    s.generation = 9;
    dataplane.put(s);
    want(1, {spec(1, 100)});
    attach();
    LONGS_EQUAL(1, dataplane.log.size());  // the list
    LONGS_EQUAL(1, count(Kind::kInForce, 1));
}

TEST(FlowLedger, an_inherited_flow_that_is_not_in_the_list_is_lost_and_installed_anew) {
    auto s = spec(1, 100);
    s.generation = 9;
    dataplane.put(s);
    want(1, {spec(1, 100), spec(1, 102)});
    want(2, {spec(2, 104)});
    want(3, {spec(3, 106)});
    for (const std::uint64_t call : {1, 2}) ledger.inherit(call);
    LONGS_EQUAL(2, ledger.present_flows(1));
    LONGS_EQUAL(0, ledger.present_flows(3));
    want(2, {});  // over before the list: it may have counters to bring
    CHECK_TRUE(ledger.has_flows(2));
    attach();
    LONGS_EQUAL(1, count(Kind::kLost, 1));
    LONGS_EQUAL(1, count(Kind::kLost, 2));
    LONGS_EQUAL(1, count(Kind::kRemoved, 2));
    LONGS_EQUAL(0, count(Kind::kLost, 3));
    LONGS_EQUAL(3, dataplane.flows().size());
    LONGS_EQUAL(9, dataplane.find(s.key)->spec.generation);
    LONGS_EQUAL(1, ledger.stats().adopted);
    // A session without a loss says nothing.
    ledger.session_ended();
    dataplane.end_session();
    reports.clear();
    attach();
    for (const std::uint64_t call : {1, 2, 3}) LONGS_EQUAL(0, count(Kind::kLost, call));
}

TEST(FlowLedger, while_the_session_is_down_calls_go_on_and_end_and_the_next_one_sets_it_right) {
    attach();
    want(1, {spec(1, 100)});
    want(2, {spec(2, 102)});
    settle();
    ledger.session_ended();
    dataplane.end_session();
    want(1, {});              // ended meanwhile
    want(3, {spec(3, 104)});  // begun meanwhile
    want(4, {spec(4, 106)});  // begun and ended
    want(4, {});
    CHECK_FALSE(ledger.has_flows(4));
    LONGS_EQUAL(0, commands.size());
    reports.clear();
    attach();
    LONGS_EQUAL(2, dataplane.flows().size());
    CHECK_TRUE(dataplane.find(spec(2, 102).key) != nullptr && dataplane.find(spec(3, 104).key) != nullptr);
    LONGS_EQUAL(1, count(Kind::kRemoved, 1));
    LONGS_EQUAL(1, count(Kind::kInForce, 2));
    LONGS_EQUAL(1, count(Kind::kInForce, 3));
    LONGS_EQUAL(0, count(Kind::kRemoved, 4));
}

TEST(FlowLedger, a_dataplane_that_lost_everything_gets_everything) {
    attach();
    want(1, {spec(1, 100)});
    want(2, {spec(2, 102)});
    settle();
    want(2, {});
    pump();
    dataplane = FakeDataplane();
    ledger.session_ended();
    reports.clear();
    attach();
    LONGS_EQUAL(1, dataplane.flows().size());
    LONGS_EQUAL(1, count(Kind::kInForce, 1));
    LONGS_EQUAL(1, count(Kind::kRemoved, 2));
    LONGS_EQUAL(1, count(Kind::kLost, 1));
    LONGS_EQUAL(1, count(Kind::kLost, 2));
}

TEST(FlowLedger, what_flows_tell_reaches_the_engine) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    reports.clear();
    const auto source = *Endpoint::parse("192.0.2.10:4711");
    dataplane.tell(EventType::kLatched, spec(1, 100).key, source);
    dataplane.tell(EventType::kIdle, spec(1, 100).key);
    settle();
    LONGS_EQUAL(1, count(Kind::kLatched, 1));
    CHECK_TRUE(reports[0].source == source);
    LONGS_EQUAL(1, count(Kind::kIdle, 1));
    ledger.visit(1, [&](const Ledger::FlowState& s) { CHECK_TRUE(s.idle && s.latched == source); });
    dataplane.tell(EventType::kActive, spec(1, 100).key);
    ledger.query(1, commands);
    settle();
    LONGS_EQUAL(1, count(Kind::kActive, 1));
    LONGS_EQUAL(1, count(Kind::kCounters, 1));
    CHECK_FALSE(reports.back().final);
}

TEST(FlowLedger, the_number_of_flows_is_bounded) {
    attach();
    std::vector<wire::FlowSpec> many;
    for (std::uint16_t i = 0; i < 16; ++i) many.push_back(spec(1, static_cast<std::uint16_t>(100 + i)));
    CHECK_TRUE(want(1, many));
    CHECK_FALSE(want(2, {spec(2, 500)}));
    LONGS_EQUAL(1, ledger.stats().refused_full);
    CHECK_TRUE(want(1, many));
    settle();
    LONGS_EQUAL(16, dataplane.flows().size());
}

TEST(FlowLedger, events_that_make_no_sense_are_counted_and_change_nothing) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    const auto before = dataplane.log.size();
    for (int type = 0; type <= 12; ++type) {
        wire::FlowEvent e;
        e.type = static_cast<EventType>(type);
        e.transaction = 4242;
        e.spec = spec(7, 900);
        ledger.on_event(e, commands, reports);
    }
    CHECK_TRUE(ledger.stats().unexpected_events >= 10);
    settle();
    LONGS_EQUAL(before, dataplane.log.size());
    LONGS_EQUAL(1, ledger.stats().flows_present);
}

// Call 2 waits for the flow that call 1 has let go of; the dataplane says that it went, but as another call's.
TEST(FlowLedger, a_removal_told_of_another_call_takes_the_flow_from_nobody) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    want(1, {});
    pump();
    CHECK_TRUE(want(2, {spec(2, 100)}));
    auto removed = removal_of(spec(1, 100));
    const auto unexpected = ledger.stats().unexpected_events;
    removed.spec.cookie.call = 3;
    ledger.on_event(removed, commands, reports);
    removed.spec.cookie.call = 2;
    ledger.on_event(removed, commands, reports);
    LONGS_EQUAL(unexpected + 2, ledger.stats().unexpected_events);
    want(2, {});
    CHECK_TRUE(ledger.has_flows(1));
    CHECK_FALSE(ledger.has_flows(2));
    settle();
    LONGS_EQUAL(1, count(Kind::kRemoved, 1));
    LONGS_EQUAL(0, ledger.stats().entries);
}

TEST(FlowLedger, a_list_that_gives_a_flow_to_another_call_takes_it_from_the_first) {
    attach();
    want(1, {spec(1, 100)});
    settle();
    want(1, {});
    pump();
    CHECK_TRUE(want(2, {spec(2, 100)}));
    ledger.session_started(commands);
    commands.clear();
    wire::FlowEvent listed;
    listed.type = EventType::kListed;
    listed.spec = spec(2, 100);
    listed.spec.generation = 77;
    ledger.on_event(listed, commands, reports);
    want(2, {});  // and its removal is told of while the list goes on
    listed.type = EventType::kRemoved;
    ledger.on_event(listed, commands, reports);
    CHECK_FALSE(ledger.has_flows(1));
    CHECK_FALSE(ledger.has_flows(2));
    listed.type = EventType::kListEnd;
    ledger.on_event(listed, commands, reports);
    LONGS_EQUAL(1, count(Kind::kRemoved, 1));
    LONGS_EQUAL(0, ledger.stats().entries);
}

TEST(FlowLedger, a_stranger_in_the_place_of_a_call_that_is_over_by_then_goes_too) {
    auto stranger = spec(50, 100);
    stranger.generation = 44;
    for (const bool listing : {true, false}) {
        dataplane.put(stranger);
        CHECK_TRUE(want(1, {spec(1, 100)}));
        ledger.session_started(commands);
        dataplane.take(commands);
        auto events = dataplane.events();
        LONGS_EQUAL(2, events.size());
        ledger.on_event(events[0], commands, reports);
        if (listing) want(1, {});
        ledger.on_event(events[1], commands, reports);
        if (!listing) want(1, {});
        settle();
        LONGS_EQUAL(0, dataplane.flows().size());
        LONGS_EQUAL(0, ledger.stats().entries);
        ledger.session_ended();
        dataplane.end_session();
    }
}

// Whatever happens in whatever order, at the end the dataplane has exactly what is wanted.
TEST(FlowLedger, converges_after_any_history) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        test::FakeRandom random(seed);
        Ledger l(64, 1, SipHashKey{seed, 1});
        FakeDataplane d;
        std::vector<wire::FlowCommand> out;
        std::vector<FlowReport> r;
        std::map<std::uint64_t, std::vector<wire::FlowSpec>> wishes;
        const auto exchange = [&] {
            d.take(out);
            for (const auto& e : d.events()) l.on_event(e, out, r);
        };
        for (int step = 0; step < 120; ++step) {
            const std::uint64_t call = 1 + random.below(4);
            switch (random.below(8)) {
                case 0:
                case 1:
                case 2: {
                    std::vector<wire::FlowSpec> flows;
                    for (std::uint16_t i = 0; i < 3; ++i) {
                        if (random.chance(40)) continue;
                        // Ports of the calls overlap: want() refuses while another call wants one.
                        auto s = spec(call, static_cast<std::uint16_t>(100 + 2 * ((call + i) % 5)));
                        s.dscp = static_cast<std::uint8_t>(random.below(3));
                        s.remote.port = static_cast<std::uint16_t>(4000 + random.below(2));
                        flows.push_back(s);
                    }
                    if (l.want(call, flows, out)) wishes[call] = flows;
                    break;
                }
                case 3:
                    if (l.want(call, {}, out)) wishes[call].clear();
                    break;
                case 4: d.release_removed(); break;
                case 5:
                    if (random.chance(30)) {
                        l.session_ended();
                        d.end_session();
                        out.clear();
                        l.session_started(out);
                    }
                    break;
                case 6:
                    if (random.chance(20)) {
                        constexpr RejectReason kTemporary[] = {RejectReason::kStagingFull, RejectReason::kNoSuchFlow};
                        d.refuse_next = kTemporary[random.below(2)];
                    }
                    break;
                default: exchange(); break;
            }
        }
        d.refuse_next.reset();
        l.session_ended();
        d.end_session();
        out.clear();
        l.session_started(out);
        for (int i = 0; i < 20; ++i) {
            exchange();
            d.release_removed();
        }
        std::size_t total = 0;
        for (const auto& [call, flows] : wishes) {
            total += flows.size();
            for (const auto& s : flows) {
                const auto* f = d.find(s.key);
                CHECK_TRUE_TEXT(f != nullptr, std::to_string(seed).c_str());
                CHECK_TRUE(f->spec.cookie == s.cookie && f->spec.dscp == s.dscp && f->spec.remote == s.remote);
            }
            CHECK_TRUE(l.has_flows(call) == !flows.empty());
        }
        LONGS_EQUAL_TEXT(total, d.flows().size(), std::to_string(seed).c_str());
        LONGS_EQUAL(total, l.stats().flows_present);
        LONGS_EQUAL(total, l.stats().entries);
    }
}
