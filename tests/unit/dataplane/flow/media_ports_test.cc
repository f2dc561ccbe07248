#include "dataplane/flow/media_ports.h"

#include "tests/support/frames.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;

// Two VLANs with one address plan: both are 10.0.0.1/24, and each has a pool of its own.
TEST_GROUP(OverlappingPlans) {
    flow::FlowConfig config = [] {
        flow::FlowConfig out;
        out.realms = {{.interface = 0, .addresses = {test::ip("10.0.0.1")}, .first_port = 10000, .last_port = 19999},
                      {.interface = 1, .addresses = {test::ip("10.0.0.1")}, .first_port = 20000, .last_port = 39999},
                      {.interface = 2, .addresses = {test::ip("172.16.0.2")}, .first_port = 20000, .last_port = 29999}};
        out.own_addresses = {
            {0, test::ip("10.0.0.1"), 24}, {1, test::ip("10.0.0.1"), 24}, {2, test::ip("172.16.0.1"), 24}};
        return out;
    }();
    flow::MediaPorts ports{config};
};

TEST(OverlappingPlans, port_of_ones_own_address_is_nobody_elses) {
    CHECK_FALSE(ports.elsewhere(0, test::ip("10.0.0.1"), 25060));
    CHECK_FALSE(ports.elsewhere(1, test::ip("10.0.0.1"), 15060));
    CHECK(ports.elsewhere(2, test::ip("10.0.0.1"), 25060));
    CHECK(ports.elsewhere(0, test::ip("172.16.0.2"), 20000));
    CHECK(ports.elsewhere(7, test::ip("172.16.0.2"), 20000));
}
