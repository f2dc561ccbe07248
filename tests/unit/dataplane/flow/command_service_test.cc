#include "dataplane/flow/command_service.h"

#include <cstring>
#include <memory>

#include "tests/support/fake_random.h"
#include "tests/support/flows.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using test::command;
using wire::CommandType;
using wire::EventType;
using wire::RejectReason;

namespace {

void check_reason(RejectReason expected, RejectReason actual) {
    LONGS_EQUAL(static_cast<int>(expected), static_cast<int>(actual));
}

}  // namespace

TEST_GROUP(Commands) {
    // On the heap by itself: its cache-line alignment is more than the runner gives a fixture.
    std::unique_ptr<test::Table> table = std::make_unique<test::Table>();
    test::Table& t = *table;

    // A change of the valid flow by `spoil` is refused for `reason`, and leaves no trace.
    template <typename Spoil>
    void refuses(RejectReason reason, Spoil spoil) {
        auto spec = test::inbound();
        spoil(spec);
        check_reason(reason, t.install(spec));
        LONGS_EQUAL(0, t.table.installed());
        LONGS_EQUAL(8, t.table.free_flows());
    }
};

TEST(Commands, pair_of_flows_is_installed_and_told_before_the_commit) {
    check_reason(RejectReason::kNone, t.commit({command(CommandType::kInstall, test::inbound()),
                                                command(CommandType::kInstall, test::outbound())}));
    LONGS_EQUAL(2, t.table.installed());
    CHECK((t.events.types() == std::vector{EventType::kInstalled, EventType::kInstalled, EventType::kCommitted}));
    CHECK(t.events.all[1].spec.key == test::outbound().key);
    LONGS_EQUAL(1, t.events.all[1].flow_index);
}

TEST(Commands, each_field_of_an_install_is_checked) {
    refuses(RejectReason::kUnknownRealm, [](auto& s) { s.key.realm = 2; });
    refuses(RejectReason::kUnknownRealm, [](auto& s) { s.out.realm = 0xffff; });
    refuses(RejectReason::kForeignAddress, [](auto& s) { s.key.local = *Endpoint::parse("192.0.2.3:20000"); });
    refuses(RejectReason::kForeignAddress, [](auto& s) { s.out.local = *Endpoint::parse("192.0.2.1:20000"); });
    refuses(RejectReason::kPortOutsidePool, [](auto& s) { s.key.local.port = 20100; });
    refuses(RejectReason::kPortOutsidePool, [](auto& s) { s.out.local.port = 5060; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.key.local.address = IpAddress::v6({}); });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.key.reserved = 1; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.out.local.reserved = 1; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.generation = 0; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.flags |= 1 << 9; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.dscp = 64; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.source_rule = static_cast<wire::SourceRule>(3); });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.out = s.key; });
    for (const char* remote :
         {"0.0.0.0:4000", "127.0.0.1:4000", "224.0.0.5:4000", "255.255.255.255:4000", "192.0.2.255:4000",
          "192.0.2.1:4000", "192.0.2.2:4000", "192.0.2.10:0", "[2001:db8::1]:4000"})
        refuses(RejectReason::kBadRemote, [&](auto& s) { s.remote = *Endpoint::parse(remote); });
    for (const char* remote : {"198.51.100.9:4000", "198.51.100.1:4000", "198.51.100.255:4000", "240.0.0.1:4000"})
        refuses(RejectReason::kBadRemote, [&](auto& s) { s.out_remote = *Endpoint::parse(remote); });
}

TEST(Commands, refusals_are_counted_by_their_reason) {
    refuses(RejectReason::kBadRemote, [](auto& s) { s.remote.port = 0; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.dscp = 64; });
    refuses(RejectReason::kBadRecord, [](auto& s) { s.generation = 0; });
    t.service.handle(command(CommandType::kCommit, {}, 99), t.now_ns, t.events);
    LONGS_EQUAL(1, t.service.rejected(RejectReason::kBadRemote));
    LONGS_EQUAL(2, t.service.rejected(RejectReason::kBadRecord));
    LONGS_EQUAL(1, t.service.rejected(RejectReason::kStagingFull));
    LONGS_EQUAL(0, t.service.rejected(RejectReason::kTableFull));
}

TEST(Commands, rule_wider_than_the_realm_allows_is_refused) {
    refuses(RejectReason::kBadRecord, [](auto& s) {
        s.source_rule = wire::SourceRule::kPrefix;
        s.prefix_length = 23;
    });
    refuses(RejectReason::kBadRecord, [](auto& s) {
        s.source_rule = wire::SourceRule::kPrefix;
        s.prefix_length = 33;
    });
    auto wide = test::outbound();  // the core realm allows the address only
    wide.source_rule = wire::SourceRule::kPrefix;
    wide.prefix_length = 32;
    check_reason(RejectReason::kBadRecord, t.install(wide));
    auto narrow = test::inbound();
    narrow.source_rule = wire::SourceRule::kPrefix;
    narrow.prefix_length = 24;
    check_reason(RejectReason::kNone, t.install(narrow));
}

TEST(Commands, address_may_be_unknown_while_nothing_is_forwarded) {
    refuses(RejectReason::kBadRemote, [](auto& s) { s.out_remote = {}; });
    auto held = test::inbound();
    held.out_remote = {};
    held.flags = 0;
    check_reason(RejectReason::kNone, t.install(held));
}

TEST(Commands, one_bad_command_keeps_the_whole_transaction_out) {
    auto bad = test::outbound();
    bad.dscp = 99;
    check_reason(RejectReason::kBadRecord,
                 t.commit({command(CommandType::kInstall, test::inbound()), command(CommandType::kInstall, bad)}));
    LONGS_EQUAL(0, t.table.installed());
    CHECK(t.events.all.back().spec.key == bad.key);
    LONGS_EQUAL(1, t.events.all.size());
    LONGS_EQUAL(0, t.service.staged());
}

TEST(Commands, later_commands_of_a_transaction_see_the_earlier_ones) {
    t.install(test::inbound());
    auto second = test::inbound();
    second.generation = 2;
    check_reason(RejectReason::kNone,
                 t.commit({command(CommandType::kRemove, test::inbound()), command(CommandType::kInstall, second)}));
    LONGS_EQUAL(2, t.table.info(*t.table.find(second.key)).spec.generation());
    check_reason(RejectReason::kAlreadyInstalled, t.commit({command(CommandType::kInstall, test::outbound()),
                                                            command(CommandType::kInstall, test::outbound())}));
    LONGS_EQUAL(1, t.table.installed());
    check_reason(RejectReason::kNoSuchFlow,
                 t.commit({command(CommandType::kRemove, second), command(CommandType::kUpdate, second)}));
}

TEST(Commands, generation_of_another_flow_touches_nothing) {
    t.install(test::inbound());
    auto other = test::inbound();
    other.generation = 2;
    check_reason(RejectReason::kStaleGeneration, t.update(other));
    check_reason(RejectReason::kStaleGeneration, t.remove(other));
    check_reason(RejectReason::kAlreadyInstalled, t.install(other));
    check_reason(RejectReason::kNoSuchFlow, t.remove(test::outbound()));
    LONGS_EQUAL(1, t.table.installed());
}

TEST(Commands, removed_flow_is_told_once_every_worker_has_let_go_of_it) {
    t.install(test::inbound());
    t.remove(test::inbound());
    LONGS_EQUAL(0, t.table.installed());
    LONGS_EQUAL(7, t.table.free_flows());
    t.table.reclaim(t.events);  // the worker has not passed yet
    LONGS_EQUAL(1, t.table.retired_flows());
    LONGS_EQUAL(1, t.table.retired_rules());
    CHECK(t.events.all.back().type == EventType::kCommitted);
    t.table.stats(0, 0).packets_in.add(3);  // what it counts meanwhile is in the final figures
    t.grace();
    CHECK(t.events.all.back().type == EventType::kRemoved);
    LONGS_EQUAL(3, t.events.all.back().counters.packets_in);
    LONGS_EQUAL(7, t.events.all.back().spec.cookie.call);
    LONGS_EQUAL(8, t.table.free_flows());
    LONGS_EQUAL(0, t.table.retired_flows());
    LONGS_EQUAL(0, t.table.retired_rules());
}

TEST(Commands, full_table_refuses_and_counts_what_the_same_transaction_removes_as_used) {
    for (std::uint16_t i = 0; i < 8; ++i) {
        auto spec = test::inbound();
        spec.key.local.port = static_cast<std::uint16_t>(20000 + i);
        check_reason(RejectReason::kNone, t.install(spec));
    }
    auto extra = test::inbound();
    extra.key.local.port = 20050;
    check_reason(RejectReason::kTableFull, t.install(extra));
    check_reason(RejectReason::kTableFull,
                 t.commit({command(CommandType::kRemove, test::inbound()), command(CommandType::kInstall, extra)}));
    LONGS_EQUAL(8, t.table.installed());
    t.remove(test::inbound());
    t.grace();
    check_reason(RejectReason::kNone, t.install(extra));
}

TEST(Commands, staging_beyond_its_bound_fails_its_commit_and_leaves_room_for_others) {
    for (std::uint32_t i = 0; i <= flow::CommandService::kMaxStaged; ++i)
        t.service.handle(command(CommandType::kInstall, test::inbound(), 500), t.now_ns, t.events);
    LONGS_EQUAL(flow::CommandService::kMaxStaged, t.service.staged());
    t.service.handle(command(CommandType::kCommit, {}, 500), t.now_ns, t.events);
    check_reason(RejectReason::kStagingFull, t.events.all.back().reason);
    LONGS_EQUAL(0, t.service.staged());
    for (std::uint32_t i = 0; i < 300; ++i)
        t.service.handle(command(CommandType::kInstall, test::inbound(), 1000 + i), t.now_ns, t.events);
    LONGS_EQUAL(flow::CommandService::kMaxTransactions, t.service.staged());
    t.service.handle(command(CommandType::kCommit, {}, 1299), t.now_ns, t.events);
    check_reason(RejectReason::kStagingFull, t.events.all.back().reason);
}

TEST(Commands, transaction_that_was_refused_room_is_never_applied_in_part) {
    constexpr std::uint32_t kOpen = flow::CommandService::kMaxTransactions;
    for (std::uint32_t i = 0; i < kOpen; ++i)
        t.service.handle(command(CommandType::kInstall, test::inbound(), 1000 + i), t.now_ns, t.events);
    t.service.handle(command(CommandType::kInstall, test::inbound(), 5), t.now_ns, t.events);  // one too many
    t.service.handle(command(CommandType::kAbort, {}, 1000), t.now_ns, t.events);
    t.service.handle(command(CommandType::kInstall, test::outbound(), 5), t.now_ns, t.events);
    t.service.handle(command(CommandType::kCommit, {}, 5), t.now_ns, t.events);
    check_reason(RejectReason::kStagingFull, t.events.all.back().reason);
    LONGS_EQUAL(0, t.table.installed());
    LONGS_EQUAL(1, t.service.refused());
    // Its commit was its end: the number may be used again.
    t.service.handle(command(CommandType::kInstall, test::outbound(), 5), t.now_ns, t.events);
    t.service.handle(command(CommandType::kCommit, {}, 5), t.now_ns, t.events);
    CHECK(t.events.all.back().type == EventType::kCommitted);
}

TEST(Commands, more_refused_transactions_than_can_be_remembered_end_all_until_the_next_session) {
    constexpr std::uint32_t kOpen = flow::CommandService::kMaxTransactions;
    constexpr std::uint32_t kRefused = flow::CommandService::kMaxRefused;
    for (std::uint32_t i = 0; i <= kOpen + kRefused; ++i)
        t.service.handle(command(CommandType::kInstall, test::inbound(), 1000 + i), t.now_ns, t.events);
    for (std::uint32_t i = 0; i <= kOpen + kRefused; ++i)
        t.service.handle(command(CommandType::kAbort, {}, 1000 + i), t.now_ns, t.events);
    check_reason(RejectReason::kStagingFull, t.install(test::inbound()));
    t.service.reset();
    check_reason(RejectReason::kNone, t.install(test::inbound()));
}

TEST(Commands, aborted_transaction_and_end_of_session_forget_what_was_staged) {
    t.service.handle(command(CommandType::kInstall, test::inbound(), 5), t.now_ns, t.events);
    t.service.handle(command(CommandType::kAbort, {}, 5), t.now_ns, t.events);
    t.service.handle(command(CommandType::kCommit, {}, 5), t.now_ns, t.events);
    check_reason(RejectReason::kStagingFull, t.events.all.back().reason);
    t.install(test::outbound());
    t.service.handle(command(CommandType::kInstall, test::inbound(), 6), t.now_ns, t.events);
    t.service.reset();
    t.service.handle(command(CommandType::kCommit, {}, 6), t.now_ns, t.events);
    check_reason(RejectReason::kStagingFull, t.events.all.back().reason);
    LONGS_EQUAL(1, t.table.installed());  // installed flows stay
}

TEST(Commands, nothing_is_done_without_room_for_its_answers) {
    t.events.limit = 1;
    t.service.handle(command(CommandType::kInstall, test::inbound(), 5), t.now_ns, t.events);
    const auto commit = command(CommandType::kCommit, {}, 5);
    CHECK_FALSE(t.service.handle(commit, t.now_ns, t.events));
    LONGS_EQUAL(0, t.table.installed());
    t.events.limit = 2;
    CHECK(t.service.handle(commit, t.now_ns, t.events));
    LONGS_EQUAL(1, t.table.installed());
    CHECK_FALSE(t.service.handle(command(CommandType::kQuery, test::inbound(), 6), t.now_ns, t.events));
}

TEST(Commands, list_names_every_flow_and_ends_even_through_a_narrow_ring) {
    t.install(test::inbound());
    t.install(test::outbound());
    t.events.all.clear();
    t.events.limit = 1;
    CHECK(t.service.handle(command(CommandType::kList, {}, 77), t.now_ns, t.events));
    std::vector<wire::FlowEvent> listed;
    for (int turn = 0; turn < 10 && t.service.listing(); ++turn) {
        t.service.turn(t.events);
        listed.insert(listed.end(), t.events.all.begin(), t.events.all.end());
        t.events.all.clear();
    }
    LONGS_EQUAL(3, listed.size());
    CHECK(listed[0].spec.key == test::inbound().key);
    CHECK(listed[1].spec.key == test::outbound().key);
    CHECK(listed[2].type == EventType::kListEnd);
    for (const auto& e : listed) LONGS_EQUAL(77, e.transaction);
}

TEST(Commands, query_answers_or_says_that_there_is_no_such_flow) {
    t.install(test::inbound());
    t.service.handle(command(CommandType::kQuery, test::inbound(), 8), t.now_ns, t.events);
    CHECK(t.events.all.back().type == EventType::kCounters);
    t.service.handle(command(CommandType::kQuery, test::outbound(), 9), t.now_ns, t.events);
    check_reason(RejectReason::kNoSuchFlow, t.events.all.back().reason);
    wire::FlowSpec garbage;
    std::memset(static_cast<void*>(&garbage), 0xff, sizeof garbage);
    t.service.handle(command(CommandType::kQuery, garbage, 10), t.now_ns, t.events);
    check_reason(RejectReason::kNoSuchFlow, t.events.all.back().reason);
}

// Random bytes, and records that are valid but for some random bytes: no crash, no flow that was not asked for,
// and the books balance.
TEST(Commands, random_records_do_no_harm) {
    test::FakeRandom random(11);
    for (int i = 0; i < 20'000; ++i) {
        wire::FlowCommand c = command(static_cast<CommandType>(random.below(9)),
                                      random.chance(50) ? test::inbound() : test::outbound(), random.below(4));
        if (random.chance(70)) {
            const auto bytes = std::as_writable_bytes(std::span(&c, 1));
            for (auto n = random.below(6); n > 0; --n)
                random.fill(bytes.subspan(random.below(static_cast<std::uint32_t>(bytes.size())), 1));
        }
        t.service.handle(c, t.now_ns, t.events);
        t.service.turn(t.events);
        if (random.chance(30)) t.grace();
        if (random.chance(5)) t.events.all.clear();
        CHECK(t.table.installed() <= 8);
    }
    t.service.reset();
    t.grace();
    LONGS_EQUAL(8, t.table.installed() + t.table.free_flows());
}

// Removing, installing and updating a thousand times uses indices and rules again without running out.
TEST(Commands, indices_and_rules_come_back) {
    for (std::uint32_t g = 1; g < 10'000; ++g) {
        auto spec = test::inbound();
        spec.generation = g;
        check_reason(RejectReason::kNone, t.install(spec));
        check_reason(RejectReason::kNone, t.update(spec));
        check_reason(RejectReason::kNone, t.remove(spec));
        t.grace();
        t.events.all.clear();
    }
    LONGS_EQUAL(8, t.table.free_flows());
}
