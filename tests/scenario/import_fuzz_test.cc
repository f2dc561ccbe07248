// Whatever lies in the table of live calls, an import gives a call or a sentence, never worse.
#include "controlplane/call/engine.h"
#include "tests/scenario/world.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP(ImportFuzz) {
    World world{5};
    std::vector<std::vector<std::byte>> records;

    // Records of calls in several states.
    void setup() override {
        world.view.system.max_calls = 10;  // small tables, for an engine is made for each record
        for (auto& realm : world.view.realms) realm.media.media_ports = {20000, 20099};
        world.start();
        auto& pbx = world.access();
        auto& carrier = world.core();
        const auto call = connect(world, pbx, carrier);
        keep();
        world.link.delay = 100ms;
        pbx.reinvite(*call.caller, pbx.sdp({.version = 2}));
        world.run_for(150ms);
        keep();
        world.link.delay = 5ms;
        carrier.script.early_media = true;
        carrier.script.answer = false;
        pbx.invite("200");
        world.run_for(1s);
        keep();
    }
    void keep() {
        for (const auto& [number, bytes] : world.saved) records.push_back(bytes);
    }
    // A fresh engine for each, so that nothing is taken already.
    bool import(const std::vector<std::byte>& bytes) {
        call::Outbox out;
        test::FakeRandom random(1);
        call::Engine engine(world.view, random, 0, out, world.both());
        const auto taken = engine.import_call(world.both(), bytes);
        if (!taken) {
            CHECK(!taken.error().why.empty());
            LONGS_EQUAL(0, engine.call_count());
            for (const auto& c : engine.counters()) {
                if (c.name == "live-port-pairs" || c.name == "live-dialogs") LONGS_EQUAL(0, c.value);
            }
            return false;
        }
        // It can be looked at, and lives on.
        engine.visit_calls([](const call::CallView& v) {
            CHECK(!v.id.empty());
            return true;
        });
        auto now = world.both();
        engine.flush(now);
        now.instant += 100s;
        now.wall += 100s;
        engine.advance(now);
        engine.flush(now);
        return true;
    }
};

TEST(ImportFuzz, what_was_exported_is_taken) {
    CHECK(records.size() >= 4);
    for (const auto& r : records) CHECK(import(r));
}

TEST(ImportFuzz, no_truncation_is_taken) {
    for (const auto& r : records) {
        for (std::size_t n = 0; n < r.size(); ++n) {
            CHECK(!import({r.begin(), r.begin() + static_cast<std::ptrdiff_t>(n)}));
        }
    }
}

TEST(ImportFuzz, no_truncation_that_was_sealed_anew_is_taken) {
    for (const auto& r : records) {
        for (std::size_t n = 8; n < r.size(); ++n) {
            std::vector<std::byte> part(r.begin(), r.begin() + static_cast<std::ptrdiff_t>(n));
            seal(part);
            CHECK(!import(part));
        }
    }
}

TEST(ImportFuzz, a_flipped_bit_is_seen) {
    test::FakeRandom random(3);
    for (const auto& r : records) {
        for (int i = 0; i < 500; ++i) {
            auto bytes = r;
            bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] ^= std::byte{1} << random.below(8);
            CHECK(!import(bytes));
        }
    }
}

TEST(ImportFuzz, changed_bytes_that_were_sealed_anew_do_no_harm) {
    test::FakeRandom random(4);
    unsigned taken = 0;
    for (const auto& r : records) {
        for (int i = 0; i < 2000; ++i) {
            auto bytes = r;
            for (auto n = 1 + random.below(3); n > 0; --n) {
                bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] =
                    static_cast<std::byte>(random.below(256));
            }
            seal(bytes);
            if (import(bytes)) ++taken;
        }
    }
    CHECK(taken > 0);  // a changed letter in a name is no error
}

TEST(ImportFuzz, another_version_is_refused_by_name) {
    auto bytes = records.front();
    bytes[5] = std::byte{9};
    seal(bytes);
    const auto taken = world.engine().import_call(world.both(), bytes);
    CHECK(!taken);
    CHECK(taken.error().why.contains("version 9"));
}

TEST(ImportFuzz, a_configuration_without_its_interface_refuses_it) {
    world.view.sip_interfaces[1].name = "renamed";
    CHECK(!import(records.front()));
}

}  // namespace sallyport::scenario
