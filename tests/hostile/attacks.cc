#include "tests/hostile/attacks.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "platform/os/clock.h"
#include "platform/os/fd_passing.h"
#include "platform/os/unix_socket.h"

namespace sallyport::hostile {

using wire::CommandType;

namespace {

std::int64_t now_ns() { return os::monotonic_now().time_since_epoch().count(); }

void pause_ms(long ms) {
    const timespec length{0, ms * 1'000'000};
    ::nanosleep(&length, nullptr);
}

}  // namespace

const std::array<Attacker::Named, 13> Attacker::kAttacks{{{"scribble", &Attacker::scribble},
                                                          {"overwrite", &Attacker::overwrite},
                                                          {"mutate", &Attacker::mutate},
                                                          {"replay", &Attacker::replay},
                                                          {"jump", &Attacker::jump},
                                                          {"tear", &Attacker::tear},
                                                          {"flood", &Attacker::flood},
                                                          {"hoard", &Attacker::hoard},
                                                          {"fill", &Attacker::fill},
                                                          {"bombard", &Attacker::bombard},
                                                          {"tamper", &Attacker::tamper},
                                                          {"storm", &Attacker::storm},
                                                          {"sleep", &Attacker::sleep_long}}};

void Attacker::attack() {
    auto victim = Victim::attach(target_, tally_);
    if (!victim) return pause_ms(20);
    deadline_ns_ = now_ns() + 50'000'000 + random_.below(950) * 1'000'000LL;
    if (random_.chance(50) && !each_refusal(*victim)) return;
    (this->*kAttacks[random_.below(kAttacks.size())].run)(*victim);
}

bool Attacker::each_refusal(Victim& v) {
    std::uint32_t number = 0x7000'0000;
    const auto refused = [&](CommandType type, auto spoil) {
        auto c = forge_.valid(type, ++number);
        spoil(c.spec);
        const bool pushed = v.push_politely(c);
        return v.push_politely(forge_.valid(CommandType::kCommit, number)) && pushed;
    };
    const auto installed = forge_.valid(CommandType::kInstall, number);
    const auto as_installed = [&](wire::FlowSpec& s) { s = installed.spec; };
    bool up = v.push_politely(installed) && v.push_politely(forge_.valid(CommandType::kCommit, number)) &&
              refused(CommandType::kInstall, as_installed) &&
              refused(CommandType::kUpdate, [&](auto& s) { (s = installed.spec).generation += 1; }) &&
              refused(CommandType::kUpdate, [](auto& s) { s.dscp = 64; }) &&
              refused(CommandType::kUpdate, [](auto& s) { s.key.realm = 2; }) &&
              refused(CommandType::kUpdate, [](auto& s) { s.key.local = s.remote; }) &&
              refused(CommandType::kUpdate, [](auto& s) { s.out.local.port = 5060; }) &&
              refused(CommandType::kUpdate, [](auto& s) { s.out_remote = s.out.local; }) &&
              refused(CommandType::kRemove, as_installed) && refused(CommandType::kRemove, as_installed);
    // More than the table takes, then more transactions than are staged at a time.
    const auto base = static_cast<std::uint16_t>(target_.first_port + random_.below(10'000));
    for (std::uint16_t i = 0; i < 1500 && up; ++i) {
        auto c = forge_.valid(CommandType::kInstall, number);
        if (c.spec.key.realm != 0) std::swap(c.spec.key, c.spec.out), std::swap(c.spec.remote, c.spec.out_remote);
        c.spec.key.local = {*IpAddress::parse(target_.spare_local), static_cast<std::uint16_t>(base + i)};
        up = v.push_politely(c);
    }
    up = up && v.push_politely(forge_.valid(CommandType::kCommit, number));
    for (std::uint16_t i = 0; i < 300 && up; ++i) up = v.push_politely(forge_.valid(CommandType::kInstall, ++number));
    up = up && v.push_politely(forge_.valid(CommandType::kCommit, number)) && v.ring();
    pause_ms(5);
    v.read_events();
    if (random_.chance(30)) v.command_head().store(v.command_head().load() + wire::kCommandSlots + 1);
    return up && v.ring();
}

bool Attacker::go_on(Victim& v) { return now_ns() < deadline_ns_ && v.alive(); }

void Attacker::must_fail(bool succeeded, std::string_view what) {
    ++tally_.tampered;
    if (!succeeded) return;
    ++tally_.breaches;
    std::fprintf(stderr, "breach: %.*s\n", static_cast<int>(what.size()), what.data());
}

void Attacker::scribble(Victim& v) {
    const auto memory = v.memory();
    const auto words = static_cast<std::uint32_t>(memory.size() / 8);
    while (go_on(v)) {
        for (int i = 0; i < 4096; ++i) {
            const auto word = random_.next_u64();
            std::memcpy(memory.data() + std::size_t{random_.below(words)} * 8, &word, 8);
        }
        tally_.words += 4096;
        v.push(forge_.any(transaction()));
        v.ring();
        // The cursors are two words of a million: they get their share.
        if (random_.chance(2)) v.command_head().store(random_.next_u64());
        if (random_.chance(2)) v.event_tail().store(random_.next_u64());
    }
}

void Attacker::overwrite(Victim& v) {
    const auto slots = std::span(v.places().commands.slots_begin, wire::kCommandSlots * sizeof(wire::FlowCommand));
    const auto events = std::span(v.places().events.slots_begin, wire::kEventSlots * sizeof(wire::FlowEvent));
    while (go_on(v)) {
        for (auto area : {slots, events})
            for (int i = 0; i < 2048; ++i)
                random_.fill(area.subspan(random_.below(static_cast<std::uint32_t>(area.size() - 8)), 8));
        tally_.words += 4096;
        for (int i = 0; i < 256; ++i) {
            if (!v.push_politely(forge_.any(transaction()))) return;
        }
        v.event_head().store(random_.next_u64());
        v.command_tail().store(random_.next_u64());  // theirs: they keep their own
        v.ring();
        v.event_tail().store(0);
    }
}

void Attacker::mutate(Victim& v) {
    const auto noise = random_.chance(30);
    while (go_on(v)) {
        for (int i = 0; i < 512; ++i) {
            const auto number = transaction();
            const auto c = random_.chance(50) ? forge_.any(number) : noise ? forge_.noise() : forge_.mutated(number);
            if (!v.push_politely(c)) return;
        }
        v.ring();
        v.read_events();
    }
}

void Attacker::replay(Victim& v) {
    std::vector<wire::FlowCommand> old;
    while (go_on(v)) {
        for (int i = 0; i < 200; ++i)
            old.push_back(random_.chance(80) ? forge_.any(1 + random_.below(4)) : forge_.mutated(1));
        for (int i = 0; i < 1000; ++i)
            if (!v.push_politely(old[random_.below(static_cast<std::uint32_t>(old.size()))])) return;
        v.read_events();
        // The whole ring once more, as it stands.
        v.advance(wire::kCommandSlots - 1 - random_.below(64));
        v.ring();
        pause_ms(1);
    }
}

void Attacker::jump(Victim& v) {
    for (int i = 0; i < 64; ++i) v.push(forge_.any(transaction()));
    v.ring();
    pause_ms(static_cast<long>(random_.below(30)));
    const std::uint64_t at = v.command_head().load();
    const std::array<std::uint64_t, 10> places{0,
                                               at - 1,
                                               at + wire::kCommandSlots,
                                               at + wire::kCommandSlots + 1,
                                               at + 2 * std::uint64_t{wire::kCommandSlots},
                                               ~std::uint64_t{0},
                                               std::uint64_t{1} << 63,
                                               at + (std::uint64_t{1} << 32),
                                               at - wire::kCommandSlots,
                                               random_.next_u64()};
    auto& cursor = random_.chance(60) ? v.command_head() : v.event_tail();
    while (go_on(v)) {
        cursor.store(places[random_.below(places.size())]);
        ++tally_.jumps;
        if (random_.chance(30)) v.event_tail().store(random_.below(4) * 4096);
        v.ring();
        pause_ms(1);
    }
}

void Attacker::tear(Victim& v) {
    std::atomic<bool> stop{false};
    // Another thread changes the records while they are read, between the check and the use, if there were two reads.
    std::thread changer([&, seed = random_.next_u64()] {
        test::FakeRandom random(seed);
        const auto slots = std::span(v.places().commands.slots_begin, wire::kCommandSlots * sizeof(wire::FlowCommand));
        while (!stop.load(std::memory_order_relaxed))
            for (int i = 0; i < 256; ++i)
                random.fill(slots.subspan(random.below(static_cast<std::uint32_t>(slots.size() - 4)), 4));
    });
    while (go_on(v)) {
        for (int i = 0; i < 64; ++i) {
            v.advance(1);  // the record is the one before the last lap, or nothing
            v.ring();
            v.write_slot(forge_.any(transaction()));
            ++tally_.commands;
        }
        v.read_events();
        pause_ms(1);
    }
    stop.store(true);
    changer.join();
}

void Attacker::flood(Victim& v) {
    const auto type = random_.chance(50) ? CommandType::kQuery : CommandType::kCommit;
    while (go_on(v)) {
        for (int i = 0; i < 4096; ++i)
            if (!v.push_politely(random_.chance(5) ? forge_.any(transaction()) : forge_.valid(type, transaction())))
                return;
        v.ring();
        if (random_.chance(1)) v.read_events();
    }
}

void Attacker::hoard(Victim& v) {
    std::uint32_t number = 1;
    while (go_on(v)) {
        for (int i = 0; i < 6000; ++i) {
            if (!v.push_politely(forge_.valid(CommandType::kInstall, random_.chance(50) ? 7 : number++))) return;
        }
        for (int i = 0; i < 500; ++i)
            if (!v.push_politely(
                    forge_.valid(CommandType::kCommit, random_.chance(50) ? number + 1000 : random_.below(number))))
                return;
        v.read_events();
    }
}

void Attacker::fill(Victim& v) {
    std::vector<wire::FlowSpec> mine;  // as far as we know: a transaction may be refused
    std::uint32_t number = 1;
    const bool deaf = random_.chance(30);  // flows that were removed wait for room to be told of
    while (go_on(v)) {
        ++number;
        const auto type = mine.size() < 8 || random_.chance(40) ? CommandType::kInstall
                          : random_.chance(60)                  ? CommandType::kUpdate
                                                                : CommandType::kRemove;
        // Small ones: one stale flow among them is enough to have all of them refused.
        for (auto each = 1 + random_.below(random_.chance(10) ? 200 : 6);
             each > 0 && (type == CommandType::kInstall || !mine.empty()); --each) {
            auto c = forge_.valid(type, number);
            const auto chosen =
                type == CommandType::kInstall ? 0 : random_.below(static_cast<std::uint32_t>(mine.size()));
            if (type == CommandType::kInstall) {
                mine.push_back(c.spec);
            } else {
                c.spec.key = mine[chosen].key;
                c.spec.out = mine[chosen].out;
                c.spec.remote = mine[chosen].remote;
                c.spec.out_remote = mine[chosen].out_remote;
                c.spec.generation = mine[chosen].generation;
                if (random_.chance(30)) c.spec.flags |= wire::kFlowRelatch;
            }
            if (type == CommandType::kRemove) mine.erase(mine.begin() + chosen);
            if (!v.push_politely(c)) return;
        }
        if (!v.push_politely(forge_.valid(CommandType::kCommit, number))) return;
        v.ring();
        if (!deaf) v.read_events();
    }
}

void Attacker::bombard(Victim& v) {
    std::vector<std::byte> bytes(150'000);
    const std::array fds{v.segment(), v.page(), v.socket(), STDIN_FILENO};
    while (go_on(v)) {
        for (int i = 0; i < 200; ++i) {
            const auto size =
                random_.chance(70) ? random_.below(64) : random_.below(static_cast<std::uint32_t>(bytes.size()));
            if (size == 0 && !random_.chance(1)) continue;  // an empty one ends the session
            ++tally_.datagrams;
            if (size > 0 && random_.chance(40)) {
                std::vector<int> passed;
                for (auto n = 1 + random_.below(64); n > 0; --n) passed.push_back(fds[random_.below(fds.size())]);
                tally_.descriptors += passed.size();
                if (!os::send_with_fds(v.socket(), std::span(bytes).first(size), passed)) break;
            } else if (::send(v.socket(), bytes.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE) {
                return;
            }
        }
        pause_ms(1);
    }
}

void Attacker::tamper(Victim& v) {
    const auto page_path = "/proc/self/fd/" + std::to_string(v.page());
    must_fail(::ftruncate(v.segment(), 0) == 0, "the rings were cut");
    must_fail(::ftruncate(v.segment(), wire::kSegmentBytes * 2) == 0, "the rings were made longer");
    must_fail(::ftruncate(v.page(), 0) == 0, "the counters page was cut");
    must_fail(::fcntl(v.segment(), F_ADD_SEALS, F_SEAL_WRITE) == 0, "the rings were sealed against the dataplane");
    const std::uint64_t word = ~std::uint64_t{0};
    must_fail(::pwrite(v.page(), &word, sizeof word, 4096) > 0, "the counters page was written");
    must_fail(::fallocate(v.page(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0, "a hole in the page");
    auto* mapped = ::mmap(nullptr, v.page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, v.page(), 0);
    must_fail(mapped != MAP_FAILED, "the counters page was mapped for writing");
    mapped = ::mmap(nullptr, v.page_bytes(), PROT_READ, MAP_SHARED, v.page(), 0);
    if (mapped != MAP_FAILED) {
        must_fail(::mprotect(mapped, v.page_bytes(), PROT_READ | PROT_WRITE) == 0, "the counters page became writable");
        ::munmap(mapped, v.page_bytes());
    }
    const int again = ::open(page_path.c_str(), O_RDWR | O_CLOEXEC);
    must_fail(again >= 0, "the counters page was opened for writing");
    if (again >= 0) ::close(again);
    // What we may do to the rings: holes come back as zeros, and further seals and locks bind nobody but us.
    while (go_on(v)) {
        v.push(forge_.any(transaction()));
        v.ring();
        const auto from =
            static_cast<off_t>(random_.below(static_cast<std::uint32_t>(wire::kSegmentBytes / 4096)) * 4096);
        ::fallocate(v.segment(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, 4096 * 16);
        ::fcntl(v.segment(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
        ::fcntl(v.segment(), F_SETFL, O_NONBLOCK | O_APPEND);
        pause_ms(1);
    }
}

void Attacker::storm(Victim& v) {
    std::vector<os::UniqueFd> held;
    while (now_ns() < deadline_ns_) {  // our own session ends by the first of them
        auto socket = os::connect_unix(target_.socket, os::UnixType::kSeqPacket);
        ++tally_.connects;
        if (socket && random_.chance(30)) held.push_back(std::move(*socket));
        if (held.size() > 40) held.clear();
        if (random_.chance(10)) v.ring();
        if (random_.chance(20)) pause_ms(1);
    }
}

void Attacker::sleep_long(Victim& v) {
    for (std::uint32_t i = 0; i < wire::kCommandSlots; ++i) v.push(forge_.valid(CommandType::kQuery, i));
    v.ring();
    while (go_on(v)) pause_ms(10);
}

}  // namespace sallyport::hostile
