#pragma once
// What a hostile control plane does to the dataplane. Each attack runs on a session of its own until that is over or
// its time is; the process that runs it may be killed in the middle at any instruction.

#include <array>
#include <cstdint>
#include <string_view>

#include "tests/hostile/victim.h"

namespace sallyport::hostile {

class Attacker {
public:
    Attacker(const Target& target, std::uint64_t seed, Tally& tally)
        : target_(target), random_(seed), forge_(target, random_), tally_(tally) {}

    // One attack, chosen by the seed; at most about a second.
    void attack();

private:
    using Attack = void (Attacker::*)(Victim&);
    struct Named {
        std::string_view name;
        Attack run;
    };

    void scribble(Victim& v);    // random words over all of the shared memory, while pushing
    void overwrite(Victim& v);   // over the slots alone, so that the session lasts
    void mutate(Victim& v);      // right and nearly right commands
    void replay(Victim& v);      // records of before, in any order
    void jump(Victim& v);        // cursors back, forward, around
    void tear(Victim& v);        // the cursor moves before the record is whole, and the record while it is read
    void flood(Victim& v);       // commands as fast as can be, no event read
    void hoard(Victim& v);       // transactions that are staged and never committed, commits of nothing
    void fill(Victim& v);        // as many flows as the table takes
    void bombard(Victim& v);     // datagrams of any size on the connection, with descriptors
    void tamper(Victim& v);      // what the kernel must refuse at the memory that we were given
    void storm(Victim& v);       // connections, many and short
    void sleep_long(Victim& v);  // attached, silent, while a ring is full
    static const std::array<Named, 13> kAttacks;

    bool each_refusal(Victim& v);  // one command of each kind that must be refused; false: the session is over
    bool go_on(Victim& v);
    void must_fail(bool succeeded, std::string_view what);
    std::uint32_t transaction() { return 1 + random_.below(random_.chance(70) ? 8 : 0xffff'fffe); }

    const Target& target_;
    test::FakeRandom random_;
    Forger forge_;
    Tally& tally_;
    std::int64_t deadline_ns_ = 0;
};

}  // namespace sallyport::hostile
