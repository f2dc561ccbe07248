#pragma once
// What most groups of scenarios begin with: TEST_GROUP_BASE(Name, WorldTest).

#include "tests/scenario/world.h"
#include "tests/support/regex_statics.h"

// Last: it makes `new` a macro.
#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

struct WorldTest : public Utest {
    World world;
    Ua& pbx() { return world.access(); }
    Ua& carrier() { return world.core(); }
    // After everything that could still be under way: no complaint of an agent, nothing left, nothing of the other side
    // seen.
    void check_clean() {
        world.run_for(std::chrono::seconds(70));
        STRCMP_EQUAL("", world.problems().c_str());
        STRCMP_EQUAL("", world.leftovers().c_str());
        STRCMP_EQUAL("", world.leaks().c_str());
    }
};

}  // namespace sallyport::scenario
